package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// TestContainerInputs: inputs of the user's are read where they are; nothing is
// uploaded, and nothing of them deleted.
func TestContainerInputs(t *testing.T) {
	t.Parallel()
	s := shared(t)
	id := newID(t)
	mine := s.storage.Container(id + "-mine")
	_, err := mine.Create(t.Context(), nil)
	require.NoError(t, err)
	blobs := []string{"in/a.txt", "in/deep/b #1.txt", "elsewhere/c.txt"}
	for _, blob := range blobs {
		_, err := mine.NewBlockBlobClient(blob).UploadBuffer(t.Context(), []byte("content of "+blob), nil)
		require.NoError(t, err)
	}
	dir := t.TempDir()
	file := writeWorkload(t, dir, "inputs: {container: "+id+"-mine, prefix: in/}", poolOf(1),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`, "outputs: {dir: OutputFiles}")

	report, told := s.run(t, id, file, exitSucceeded)

	require.NotContains(t, told.stderr, "Uploading")
	require.Equal(t, id+"-mine", report.Resources.InputContainer)
	require.ElementsMatch(t, []string{"a.out", "deep/b #1.out"}, outputsIn(t, filepath.Join(dir, "OutputFiles")))
	require.Equal(t, "content of in/deep/b #1.txt", string(readFile(t, filepath.Join(dir, "OutputFiles", "deep", "b #1.out"))))
	for _, blob := range blobs {
		_, err := mine.NewBlobClient(blob).GetProperties(t.Context(), nil)
		require.NoError(t, err, blob)
	}
	require.False(t, s.poolExists(t, report.Resources.Pool))
	require.False(t, s.jobExists(t, report.Resources.Job))
	s.checkHistory(t, id, "container-inputs", "a.txt", "b #1.txt")
}

// TestOwnPool: a pool that the user names is used and never emptied or deleted.
func TestOwnPool(t *testing.T) {
	t.Parallel()
	s := shared(t)
	id := newID(t)
	s.createPool(t, id+"-mine", 1)
	dir := t.TempDir()
	writeNumbered(t, dir, 3)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", "pool: {id: "+id+"-mine}",
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`, "outputs: {dir: OutputFiles}")

	report, told := s.run(t, id, file, exitSucceeded)

	require.Contains(t, told.stderr, "Using pool ["+id+"-mine]...")
	require.NotContains(t, told.stderr, "Deleting pool")
	require.Len(t, outputsIn(t, filepath.Join(dir, "OutputFiles")), 3)
	require.False(t, s.jobExists(t, report.Resources.Job))
	now, target := s.nodes(t, id+"-mine")
	require.Equal(t, []int32{1, 1}, []int32{now, target})
	require.Empty(t, report.Left, "what was there before is not left by the run")
	s.checkHistory(t, id, "own-pool", numbered(0))
	_, err := s.batch.DeletePool(t.Context(), id+"-mine", nil)
	require.NoError(t, err)
}

// TestSeveralOutputs: by name and by pattern, those kept always come from a
// task that fails too.
func TestSeveralOutputs(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeInput(t, dir, "good/x.txt", []byte("good\n"))
	writeInput(t, dir, "bad/x.txt", []byte("bad\n"))
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2), `
task:
  command: |
    mkdir -p frames
    for n in 1 2 3; do cp {{input}} frames/$n.png; done
    cp {{input}} {{output}}
    echo "$GREETING" > log.txt
    grep good {{input}}
  outputs:
    - file: "{{stem}}.out"
    - {pattern: "frames/*.png", to: "{{dir}}/{{stem}} frames"}
    - {pattern: log.txt, to: "{{dir}}/log", when: always}
  environment: {GREETING: "it's me"}
outputs: {dir: OutputFiles}`)

	id := newID(t)
	report, _ := s.run(t, id, file, exitFailed)

	require.Equal(t, workload.Counts{Total: 2, Succeeded: 1, Failed: 1}, report.Counts)
	require.ElementsMatch(t, []string{
		"good/x.out",
		"good/x frames/frames/1.png", "good/x frames/frames/2.png", "good/x frames/frames/3.png",
		"good/log/log.txt",
		"bad/log/log.txt",
	}, outputsIn(t, filepath.Join(dir, "OutputFiles")))
	require.Equal(t, "it's me\n", string(readFile(t, filepath.Join(dir, "OutputFiles", "bad", "log", "log.txt"))))
	s.requireCleanedUp(t, report.Resources)
}

// TestOutputsLater: outputs that nobody asked for with the run are in their
// container, and starter outputs fetches them.
func TestOutputsLater(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	names := writeNumbered(t, dir, 3)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2),
		`task: {command: "tr a-z A-Z < {{input}} > {{output}}", output: "{{stem}}.out"}`, "cleanup: {when: always}")
	id := newID(t)
	_, told := s.run(t, id, file, exitSucceeded)
	require.Contains(t, told.stderr, "starter outputs "+id+" --to DIR")
	status, _ := s.status(t, id)
	require.Empty(t, status.Step(workflows.StepApproval).Name, "the workload says not to ask")

	to := filepath.Join(dir, "Later")
	got := s.starter(t, "outputs", id, "--to", to)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	require.Len(t, outputsIn(t, to), len(names))
	require.Equal(t, "CONTENT OF CLIP-001.TXT\n", string(readFile(t, filepath.Join(to, "clip-001.out"))))
}
