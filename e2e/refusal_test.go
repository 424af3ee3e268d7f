package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
)

// TestBadWorkloads: what cannot run is refused with exit code 2 and a sentence
// that names the place, and nothing of it ever exists. Package workload has the
// rest of them.
func TestBadWorkloads(t *testing.T) {
	t.Parallel()
	const inputs, outputs = "inputs: {dir: InputFiles}", "outputs: {dir: OutputFiles}"
	task := `task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`
	for name, c := range map[string]struct {
		sections []string
		says     []string
	}{
		"unknown key":    {[]string{inputs, poolOf(1), `task: {comand: "true", output: "{{stem}}.out"}`}, []string{"workload.yaml:4", "task.comand: unknown key; did you mean command?"}},
		"wrong type":     {[]string{inputs, poolOf(1), task, "timeout: [1]"}, []string{"workload.yaml:5", "timeout"}},
		"bad duration":   {[]string{inputs, poolOf(1), task, "timeout: fortnight"}, []string{"workload.yaml:5", "fortnight", "is not a duration"}},
		"no directory":   {[]string{"inputs: {dir: Nowhere}", poolOf(1), task}, []string{"Nowhere"}},
		"empty match":    {[]string{`inputs: {dir: InputFiles, match: ["*.mov"]}`, poolOf(1), task}, []string{"*.mov"}},
		"no outputs":     {[]string{inputs, poolOf(1), `task: {command: "true"}`}, []string{"task.output"}},
		"one output":     {[]string{inputs, poolOf(1), `task: {command: "true", output: "all.out"}`}, []string{"all.out"}},
		"placeholder":    {[]string{inputs, poolOf(1), `task: {command: "cp {{inptu}} x", output: "{{stem}}.out"}`}, []string{"{{inptu}}", "{{input}}"}},
		"negative nodes": {[]string{inputs, poolOf(-1), task}, []string{"pool.spotNodes"}},
		"container name": {[]string{"inputs: {container: Bad_Name}", poolOf(1), task, outputs}, []string{"inputs.container"}},
		"no YAML":        {[]string{"inputs: {dir: ["}, []string{"workload.yaml:"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			dir := t.TempDir()
			writeNumbered(t, dir, 2)
			file := writeWorkload(t, dir, c.sections...)
			id := newID(t)
			got := s.starter(t, "run", "--yes", "--id", id, file)
			require.Equal(t, exitUsage, got.code, "%s%s", got.stdout, got.stderr)
			require.Empty(t, got.stdout)
			for _, piece := range c.says {
				require.Contains(t, got.stderr, piece)
			}
			require.False(t, s.workflowExists(t, id))
			require.False(t, s.anythingCreated(t, id))
		})
	}
}

// TestUnreadableInput: a file that the run cannot read ends it before tasks are
// run without it.
func TestUnreadableInput(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeNumbered(t, dir, 1)
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "InputFiles", "dangling.txt")))
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(1),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`)
	id := newID(t)
	got := s.starter(t, "run", "--yes", "--id", id, file)
	require.Equal(t, exitUsage, got.code, "%s%s", got.stdout, got.stderr)
	require.Contains(t, got.stderr, "dangling.txt")
	require.False(t, s.workflowExists(t, id))
	require.False(t, s.anythingCreated(t, id))
}

func (s *stack) workflowExists(t *testing.T, id string) bool {
	t.Helper()
	_, err := s.temporal.DescribeWorkflowExecution(t.Context(), id, "")
	if missing := (*serviceerror.NotFound)(nil); errors.As(err, &missing) {
		return false
	}
	require.NoError(t, err)
	return true
}

// anythingCreated looks for pools, jobs and containers of the run with that
// workflow id, whatever its run id.
func (s *stack) anythingCreated(t *testing.T, id string) bool {
	t.Helper()
	startsWith := to.Ptr("startswith(id,'" + id + "-')")
	pools, err := s.batch.NewListPoolsPager(&azbatch.ListPoolsOptions{Filter: startsWith}).NextPage(t.Context())
	require.NoError(t, err)
	jobs, err := s.batch.NewListJobsPager(&azbatch.ListJobsOptions{Filter: startsWith}).NextPage(t.Context())
	require.NoError(t, err)
	account, err := service.NewClientFromConnectionString(s.env["AZURE_STORAGE_CONNECTION_STRING"], nil)
	require.NoError(t, err)
	containers, err := account.NewListContainersPager(&service.ListContainersOptions{Prefix: to.Ptr(id + "-")}).NextPage(t.Context())
	require.NoError(t, err)
	return len(pools.Value)+len(jobs.Value)+len(containers.ContainerItems) > 0
}
