package activities

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	shellquote "github.com/kballard/go-shellquote"

	"github.com/durabatch/durabatch/workload"
)

// taskBody turns one input into the task that Batch is to run for it.
func (a *Activities) taskBody(ctx context.Context, in SubmitInput, input workload.Input) (azbatch.CreateTaskContent, error) {
	expansion, err := in.Task.Expand(input)
	if err != nil {
		return azbatch.CreateTaskContent{}, refuse(InvalidWorkload, "%v", err)
	}
	own, err := a.resourceFile(ctx, in.source(input), in.Access)
	if err != nil {
		return azbatch.CreateTaskContent{}, fail(err, "sign the address of %s", input.Name)
	}
	files, err := a.resourceFiles(ctx, in.Task.ResourceFiles, in.Access)
	if err != nil {
		return azbatch.CreateTaskContent{}, err
	}
	id := workload.TaskID(input.Index)
	outputs, links := outputFiles(expansion.Outputs, id, in.outputsURL)
	in.Access.openTo(outputs)
	return azbatch.CreateTaskContent{
		ID:                  to.Ptr(id),
		CommandLine:         to.Ptr(bash(script(expansion.Command, links))),
		ResourceFiles:       append(files, own),
		OutputFiles:         outputs,
		EnvironmentSettings: environment(in.Task.Environment),
		RequiredSlots:       to.Ptr(max(in.Task.Slots, 1)),
		UserIdentity:        userIdentity(in.Task.Elevated),
		Constraints:         taskConstraints(in.Task),
	}, nil
}

func taskConstraints(t workload.Task) *azbatch.TaskConstraints {
	constraints := &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr(t.MaxRetries)}
	if t.Timeout > 0 {
		constraints.MaxWallClockTime = to.Ptr(iso8601(time.Duration(t.Timeout)))
	}
	if t.Retention > 0 {
		constraints.RetentionTime = to.Ptr(iso8601(time.Duration(t.Retention)))
	}
	return constraints
}

// link gives an output whose name would be read as a pattern a plain name
// beside its own, for Batch to find it by.
type link struct{ from, to string }

// outputFiles says what is to be uploaded when the command has ended, and
// which links it takes to say so.
func outputFiles(outputs []workload.ExpandedOutput, taskID, containerURL string) ([]azbatch.OutputFile, []link) {
	files := []azbatch.OutputFile{
		outputFile("../std*.txt", containerURL, logsOf(taskID), azbatch.OutputFileUploadConditionTaskCompletion),
	}
	var links []link
	for i, output := range outputs {
		condition := azbatch.OutputFileUploadConditionTaskSuccess
		if output.Always {
			condition = azbatch.OutputFileUploadConditionTaskCompletion
		}
		if output.Pattern != "" {
			files = append(files, outputFile(output.Pattern, containerURL, destination(output), condition))
			continue
		}
		pattern := output.File
		if !isPlain(pattern) {
			pattern = fmt.Sprintf("durabatch-output-%d", i)
			links = append(links, link{from: output.File, to: pattern})
		}
		files = append(files, outputFile(pattern, containerURL, workload.BlobName(output.File), condition))
	}
	return files, links
}

// destination is where the files of a pattern go: below To, under their paths in
// the working directory. Batch takes it for the blob's whole name when the
// pattern has no wildcard (Batch REST reference, OutputFileBlobContainerDestination.path).
func destination(output workload.ExpandedOutput) string {
	directory := workload.BlobName(output.To)
	if strings.ContainsAny(output.Pattern, "*?[") {
		return directory
	}
	return directory + "/" + output.Pattern
}

func outputFile(pattern, containerURL, path string, when azbatch.OutputFileUploadCondition) azbatch.OutputFile {
	return azbatch.OutputFile{
		FilePattern: to.Ptr(pattern),
		Destination: &azbatch.OutputFileDestination{Container: &azbatch.OutputFileBlobContainerDestination{
			ContainerURL: to.Ptr(containerURL), Path: to.Ptr(path),
		}},
		UploadOptions: &azbatch.OutputFileUploadConfig{UploadCondition: to.Ptr(when)},
	}
}

// isPlain says whether a file pattern can only mean the file of that name:
// no wildcards, no variables (both expand in Batch's file patterns), no
// characters whose treatment nobody has written down, and no hidden segment.
func isPlain(name string) bool {
	for _, r := range name {
		if r < ' ' || strings.ContainsRune(`*?[]{}!$%\^~"'`+"`\x7f", r) {
			return false
		}
	}
	return !strings.HasPrefix(name, ".") && !strings.Contains(name, "/.")
}

// script is the user's command and, after it, plain names for outputs that
// have none; the exit code stays the command's.
func script(command string, links []link) string {
	if len(links) == 0 {
		return command
	}
	lines := []string{"(", command, ")", "code=$?"}
	for _, l := range links {
		lines = append(lines, "ln -f "+shellquote.Join("./"+l.from, l.to)+" 2>/dev/null")
	}
	return strings.Join(append(lines, "exit $code"), "\n")
}

// bash is the command line that has the shell run a script. Batch splits a
// command line into arguments as a POSIX shell does and runs no shell itself
// (Azure Batch documentation, command-line; the treatment of quotes is
// inferred from its examples).
func bash(script string) string { return shellquote.Join("/bin/bash", "-c", script) }

// environment is sorted, so that a task submitted twice is the same task.
func environment(variables map[string]string) []azbatch.EnvironmentSetting {
	settings := make([]azbatch.EnvironmentSetting, 0, len(variables))
	for name, v := range variables {
		settings = append(settings, azbatch.EnvironmentSetting{Name: to.Ptr(name), Value: to.Ptr(v)})
	}
	sort.Slice(settings, func(i, j int) bool { return *settings[i].Name < *settings[j].Name })
	return settings
}

// iso8601 writes a duration as Batch wants it, in whole seconds, upwards.
func iso8601(d time.Duration) string {
	return fmt.Sprintf("PT%dS", (d+time.Second-1)/time.Second)
}
