package activities

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	shellquote "github.com/kballard/go-shellquote"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// Where the files of a group's own are: the script in Blob, and script and
// record in the working directory.
const (
	scriptsPrefix = workload.Reserved + "scripts/"
	scriptFile    = workload.Reserved + "run.sh"
	recordFile    = workload.Reserved + "files.txt"
)

// Batch takes lists of resource files and of output files of at most 32,768
// characters each: "Total size of resourceFiles cannot be more than 32768
// characters" (an answer of the service, Azure/BatchExplorer issue 30; that
// output files are bounded alike: Azure Batch documentation, batch-task-output-files).
// How it counts is not written down, so the JSON is counted, which is more.
const maxFileList = 32768

// The JSON around what one resource file and one output file say.
const (
	resourceFileJSON = len(`{"httpUrl":"","filePath":""},`)
	outputFileJSON   = len(`{"filePattern":"","destination":{"container":{"containerUrl":"","path":""}},"uploadOptions":{"uploadCondition":"taskcompletion"}},`)
)

// groupsOf cuts the inputs of one part of the manifest into those of each
// task: as many as the workload says, or fewer where Batch would not take the
// lists of their files. A group's task has the id of its first input. Submit
// and Gather cut alike.
func (a *Activities) groupsOf(task workload.Task, in, out string, inputs []workload.Input) ([][]workload.Input, error) {
	var groups [][]workload.Input
	size := task.GroupSize()
	if size == 1 {
		for i := range inputs {
			groups = append(groups, inputs[i:i+1])
		}
		return groups, nil
	}
	if len(inputs) == 0 {
		return nil, nil
	}
	base := a.Storage.AddressLength(out, scriptsPrefix+workload.TaskID(0)+".sh") + len(scriptFile) + resourceFileJSON
	for _, f := range task.ResourceFiles {
		base += a.Storage.AddressLength(f.Container, f.Blob+f.Prefix) + len(f.URL) + len(f.Path) + 4*resourceFileJSON
	}
	outputURL := a.Storage.AddressLength(out, "")
	resources, outputs, first := base, 0, 0
	for i, input := range inputs {
		expansion, err := task.Expand(input)
		if err != nil {
			return nil, refuse(InvalidWorkload, "%v", err)
		}
		r := resourceFileJSON + len(input.URL) + len(input.Name)
		if input.URL == "" {
			r += a.Storage.AddressLength(cmp.Or(input.Container, in), input.Blob)
		}
		o := 0
		for _, output := range expansion.Outputs {
			o += outputFileJSON + outputURL + 2*len(output.File)
		}
		full := resources+r > maxFileList || outputs+o+3*(outputFileJSON+outputURL) > maxFileList
		if i > first && (i-first == size || full) {
			groups, first = append(groups, inputs[first:i]), i
			resources, outputs = base, 0
		}
		resources, outputs = resources+r, outputs+o
	}
	return append(groups, inputs[first:]), nil
}

// groupBody is the task of several inputs. What it runs is in a blob: a
// command line is limited, and a request of a hundred tasks too.
func (a *Activities) groupBody(ctx context.Context, in SubmitInput, group []workload.Input) (azbatch.CreateTaskContent, error) {
	none := azbatch.CreateTaskContent{}
	id := workload.TaskID(group[0].Index)
	script, outputs, err := groupScript(in.Task, group)
	if err != nil {
		return none, refuse(InvalidWorkload, "%v", err)
	}
	blob := scriptsPrefix + id + ".sh"
	if err := transfer.Put(ctx, a.Storage.Container(in.OutputContainer), blob, []byte(script), "text/x-shellscript"); err != nil {
		return none, fail(err, "write the script of %s to container %s", id, in.OutputContainer)
	}
	files, err := a.resourceFiles(ctx, in.Task.ResourceFiles, in.Access)
	if err != nil {
		return none, err
	}
	own, err := a.resourceFile(ctx, workload.ResourceFile{Container: in.OutputContainer, Blob: blob, Path: scriptFile}, in.Access)
	if err != nil {
		return none, fail(err, "sign the address of the script of %s", id)
	}
	files = append(files, own)
	for _, input := range group {
		file, err := a.resourceFile(ctx, in.source(input), in.Access)
		if err != nil {
			return none, fail(err, "sign the address of %s", input.Name)
		}
		files = append(files, file)
	}
	constraints := taskConstraints(in.Task)
	if !in.Task.Together() {
		constraints.MaxTaskRetryCount = to.Ptr[int32](0) // the script runs again what failed, and nothing else
		if t := time.Duration(in.Task.Timeout); t > 0 {
			tries := time.Duration(in.Task.MaxRetries+1) * time.Duration(len(group))
			constraints.MaxWallClockTime = to.Ptr(iso8601(tries*t + time.Minute))
		}
	}
	outputFiles := groupOutputFiles(in.Task, id, outputs, in.outputsURL)
	in.Access.openTo(outputFiles)
	return azbatch.CreateTaskContent{
		ID:                  to.Ptr(id),
		CommandLine:         to.Ptr(shellquote.Join("/bin/bash", scriptFile)),
		ResourceFiles:       files,
		OutputFiles:         outputFiles,
		EnvironmentSettings: environment(in.Task.Environment),
		RequiredSlots:       to.Ptr(max(in.Task.Slots, 1)),
		UserIdentity:        userIdentity(in.Task.Elevated),
		Constraints:         constraints,
	}, nil
}

// groupOutputFiles says what is to be uploaded. One file that failed is no
// reason to lose those of the others, so the exit code is not asked: the
// script removes what a command that failed has left.
func groupOutputFiles(task workload.Task, id string, outputs []placedOutput, containerURL string) []azbatch.OutputFile {
	always := azbatch.OutputFileUploadConditionTaskCompletion
	files := []azbatch.OutputFile{outputFile("../std*.txt", containerURL, logsOf(id), always)}
	if !task.Together() {
		files = append(files, outputFile(recordFile, containerURL, recordOf(id), always))
	}
	for _, output := range outputs {
		when := always
		if task.Together() && !output.Always {
			when = azbatch.OutputFileUploadConditionTaskSuccess
		}
		files = append(files, outputFile(output.found, containerURL, workload.BlobName(output.File), when))
	}
	return files
}

// recordOf is where a group's record is in the output container.
func recordOf(taskID string) string { return logsOf(taskID) + "/files.txt" }

// placedOutput is an output and the plain name that Batch finds it by.
type placedOutput struct {
	workload.ExpandedOutput
	found string
}

// place gives outputs plain names, and says which links that takes.
func place(index int64, outputs []workload.ExpandedOutput) (placed []placedOutput, links []link) {
	for i, output := range outputs {
		found := output.File
		if !isPlain(found) {
			found = fmt.Sprintf("%soutput-%d-%d", workload.Reserved, index, i)
			links = append(links, link{from: output.File, to: found})
		}
		placed = append(placed, placedOutput{ExpandedOutput: output, found: found})
	}
	return placed, links
}

// groupScript is what the task of a group runs: one command over all of its
// files, or one for each in order.
func groupScript(task workload.Task, group []workload.Input) (script string, outputs []placedOutput, err error) {
	if task.Together() {
		return togetherScript(task, group)
	}
	var b strings.Builder
	fmt.Fprintf(&b, groupHead, task.MaxRetries, int64(time.Duration(task.Timeout)/time.Second))
	for _, input := range group {
		expansion, err := task.Expand(input)
		if err != nil {
			return "", nil, err
		}
		placed, links := place(input.Index, expansion.Outputs)
		writeFile(&b, input, expansion.Command, placed, links)
		outputs = append(outputs, placed...)
	}
	b.WriteString(groupTail)
	return b.String(), outputs, nil
}

func togetherScript(task workload.Task, group []workload.Input) (string, []placedOutput, error) {
	command, each, err := task.ExpandGroup(group)
	if err != nil {
		return "", nil, err
	}
	var outputs []placedOutput
	var links []link
	for i, of := range each {
		placed, more := place(group[i].Index, of)
		outputs, links = append(outputs, placed...), append(links, more...)
	}
	return script(command, links) + "\n", outputs, nil
}
