package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/transfer/azuritetest"
	"github.com/durabatch/durabatch/workload"
)

func TestOutputs(t *testing.T) {
	t.Parallel()
	storage, err := azuritetest.Start()
	require.NoError(t, err)
	t.Cleanup(storage.Stop)
	address := startTemporal(t, "", "").FrontendHostPort()
	setting := "AZURE_STORAGE_CONNECTION_STRING=" + storage.ConnectionString()

	id, _ := play(t, scene{})
	start := invoke(t, address, nil, "start", "--json", "--id", id, workloadFile(t))
	require.Equal(t, exitSucceeded, start.ends(t), start.stderr.String())
	var run started
	require.NoError(t, json.Unmarshal([]byte(start.stdout.String()), &run))

	// No worker is there: the container's name follows from the run's ids.
	name := workload.ResourceName(id, run.RunID) + "-out"
	to := filepath.Join(t.TempDir(), "deep", "out")
	fetch := func(args ...string) *invocation {
		return invokeIn(t, []string{setting}, address, nil, append([]string{"outputs"}, args...)...)
	}

	before := fetch(id, "--to", to)
	require.Equal(t, exitFailed, before.ends(t))
	require.Contains(t, before.stderr.String(), "there is no container "+name)
	require.NoDirExists(t, to)

	container := storage.Container(t, name)
	_, err = container.Create(context.Background(), nil)
	require.NoError(t, err)
	early := fetch(id, "--to", to)
	require.Equal(t, exitFailed, early.ends(t))
	require.Contains(t, early.stderr.String(), "holds no results yet")

	results := transfer.Parts[workload.Result]{Container: container, Prefix: workload.Reserved + "results"}
	for part, file := range []string{"a.mp3", "sub/b c.mp3"} {
		blob := workload.BlobName(file)
		_, err := container.NewBlockBlobClient(blob).UploadBuffer(context.Background(), []byte(file), nil)
		require.NoError(t, err)
		require.NoError(t, results.Write(context.Background(), part, part == 1, []workload.Result{
			{Name: file, State: workload.TaskSucceeded, Outputs: []workload.OutputBlob{{Name: file, Blob: blob, Size: int64(len(file))}}},
			{Name: "failed.mp4", State: workload.TaskFailed},
		}))
	}
	all := fetch(id, "--json", "--to", to)
	require.Equal(t, exitSucceeded, all.ends(t), all.stderr.String())
	var answer fetched
	require.NoError(t, json.Unmarshal([]byte(all.stdout.String()), &answer))
	require.Equal(t, fetched{Container: name, Directory: to, Outputs: 2, Bytes: 16}, answer)
	for _, file := range []string{"a.mp3", "sub/b c.mp3"} {
		content, err := os.ReadFile(filepath.Join(to, file))
		require.NoError(t, err)
		require.Equal(t, file, string(content))
	}

	require.NoFileExists(t, filepath.Join(to, workload.ReportFile), "the run has left none")
	_, err = container.NewBlockBlobClient(workload.ReportBlob).UploadBuffer(context.Background(), []byte("<html>"), nil)
	require.NoError(t, err)
	again := fetch(id, "--json", "--to", to)
	require.Equal(t, exitSucceeded, again.ends(t), again.stderr.String())
	report, err := os.ReadFile(filepath.Join(to, workload.ReportFile))
	require.NoError(t, err)
	require.Equal(t, "<html>", string(report))

	byName := fetch("--container", name, "--to", t.TempDir())
	require.Equal(t, exitSucceeded, byName.ends(t), byName.stderr.String())
	require.Contains(t, byName.stdout.String(), "2 outputs in ")

	slow := fetch("--container", name, "--to", t.TempDir(), "--bandwidth", "1MiB")
	require.Equal(t, exitSucceeded, slow.ends(t), slow.stderr.String())
	tooSlow := fetch("--container", name, "--to", to, "--bandwidth", "slow")
	require.Equal(t, exitUsage, tooSlow.ends(t))
	require.Contains(t, tooSlow.stderr.String(), `--bandwidth is "slow"; it must be a number of bytes such as 20MB`)

	unknown := fetch("nobody", "--to", to)
	require.Equal(t, exitUsage, unknown.ends(t))
	require.Contains(t, unknown.stderr.String(), "--container NAME")
}
