package main

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// stage is a Temporal with a worker for the stand-in.
func stageFor(t *testing.T) (client.Client, string) {
	t.Helper()
	server := startTemporal(t, "", "")
	host(t, server.Client())
	return server.Client(), server.FrontendHostPort()
}

func TestFollow(t *testing.T) {
	t.Parallel()
	c, address := stageFor(t)
	file := workloadFile(t)

	t.Run("a run that succeeds prints the tutorial's milestones", func(t *testing.T) {
		t.Parallel()
		id, release := play(t, scene{beats: []workload.Progress{
			{Step: workflows.StepWait, Counts: workload.Counts{Total: 2, Running: 2}, Nodes: map[string]int32{"running": 2}},
		}})
		run := invoke(t, address, nil, "run", "--yes", "--id", id, file)
		run.says(t, "0 of 2 completed, 2 running, 0 failed · nodes: 2 running · 00:00:")
		release()
		require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
		inOrder(t, run.stdout.String(),
			"Run start: ", id,
			"Container [x-1-in] created.\n",
			"Container [x-1-out] created.\n",
			"Uploading file a.mp4 to container [x-1-in]...\n",
			`Uploading file "b\x1b[31m c.mp4" to container [x-1-in]...`+"\n",
			"Creating pool [x-1]...\n",
			"Creating job [x-1]...\n",
			"Adding 2 tasks to job [x-1]...\n",
			"Monitoring all tasks for 'Completed' state, timeout in 00:30:00...\n",
			"0 of 2 completed, 2 running",
			"Success! All tasks completed successfully within the specified timeout period.\n",
			"Deleting container [x-1-in]...\n",
			"Outputs: container [x-1-out]; fetch them with: starter outputs "+id+" --to DIR\n",
			"Web UI: http://", "/namespaces/default/workflows/"+id+"/",
			"Deleting job [x-1]...\n",
			"Deleting pool [x-1]...\n",
			"Cleanup done: job deleted, pool deleted.\n",
			"Run end: ",
			"Elapsed time: 00:00:",
		)
		require.Equal(t, 1, strings.Count(run.stdout.String(), "Success!"))
		require.NotContains(t, run.stdout.String(), "\x1b")
	})

	t.Run("on a terminal the two questions are asked, and Enter is yes", func(t *testing.T) {
		t.Parallel()
		id, release := play(t, scene{})
		stdin, keyboard := io.Pipe()
		run := invoke(t, address, stdin, "run", "--id", id, file)
		run.says(t, "Monitoring all tasks")
		_, err := keyboard.Write([]byte("\n")) // before any question: no answer to one
		require.NoError(t, err)
		release()
		run.says(t, "Delete job? [Y] yes, [N] no: ")
		_, err = keyboard.Write([]byte("what?\nN\n"))
		require.NoError(t, err)
		run.says(t, "Delete pool? [Y] yes, [N] no: ")
		_, err = keyboard.Write([]byte("\n"))
		require.NoError(t, err)
		require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
		inOrder(t, run.stdout.String(), "Web UI: ", "Delete job?", "Delete job?", "Delete pool?", "Cleanup done: job kept, pool deleted.\n", "Run end: ")
		require.NotContains(t, run.stdout.String(), "Deleting job")
	})

	t.Run("a question that is answered elsewhere is withdrawn", func(t *testing.T) {
		t.Parallel()
		id, release := play(t, scene{})
		stdin, _ := io.Pipe()
		run := invoke(t, address, stdin, "run", "--id", id, file)
		release()
		run.says(t, "Delete job? [Y] yes, [N] no: ")
		approve := invoke(t, address, nil, "approve", "--keep-pool", id)
		require.Equal(t, exitSucceeded, approve.ends(t), approve.stderr.String())
		require.Equal(t, "Cleanup done: job deleted, pool kept.\n", approve.stdout.String())
		require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
		require.Contains(t, run.stdout.String(), "The question has been answered elsewhere")

		again := invoke(t, address, nil, "approve", id)
		require.Equal(t, exitFailed, again.ends(t))
		require.Contains(t, again.stderr.String(), "is over; there is nothing left to decide")
	})

	t.Run("without a terminal it says how to decide", func(t *testing.T) {
		t.Parallel()
		id, release := play(t, scene{})
		run := invoke(t, address, nil, "run", "--id", id, file)
		release()
		run.says(t, "Delete them: starter approve "+id+". Keep them: starter reject "+id+".")
		reject := invoke(t, address, nil, "reject", "--json", id)
		require.Equal(t, exitSucceeded, reject.ends(t), reject.stderr.String())
		require.JSONEq(t, `{"jobDeleted": false, "poolDeleted": false}`, reject.stdout.String())
		require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
	})

	t.Run("--json ends with the report on one line", func(t *testing.T) {
		t.Parallel()
		id, release := play(t, scene{outcome: workload.TimedOut})
		run := invoke(t, address, nil, "run", "--json", "--yes", "--id", id, file)
		release()
		require.Equal(t, exitFailed, run.ends(t), run.stderr.String())
		require.Equal(t, 1, strings.Count(run.stdout.String(), "\n"))
		var report workload.Report
		require.NoError(t, json.Unmarshal([]byte(run.stdout.String()), &report))
		require.Equal(t, id, report.WorkflowID)
		require.Equal(t, workload.TimedOut, report.Outcome)
		require.Contains(t, run.stderr.String(), "Creating pool [x-1]...")
	})

	t.Run("a failed run names the file, the exit code and the end of stderr", func(t *testing.T) {
		t.Parallel()
		one := int32(1)
		id, release := play(t, scene{outcome: workload.Failed, cleanup: workload.CleanupAlways, failures: []workload.Failure{{
			Name: "b\u202e.mp4", TaskID: "task-00000001", Code: "FailureExitCode", Message: "The task exited with an exit code representing a failure",
			ExitCode: &one, Stderr: "moov atom not found\n\x1b]0;owned\a error\n",
		}}})
		run := invoke(t, address, nil, "run", "--id", id, file)
		release()
		require.Equal(t, exitFailed, run.ends(t), run.stderr.String())
		inOrder(t, run.stdout.String(),
			"1 of 2 tasks succeeded, 1 failed.\n",
			`  "b\u202e.mp4" (task-00000001, exit code 1): The task exited`,
			"    | moov atom not found\n",
			`    | \x1b]0;owned\a error`+"\n",
			"Run end: ")
	})

	t.Run("a run that is cancelled has exit code 4", func(t *testing.T) {
		t.Parallel()
		id, _ := play(t, scene{})
		run := invoke(t, address, nil, "run", "--id", id, file)
		run.says(t, "Monitoring all tasks")
		stop := invoke(t, address, nil, "cancel", id)
		require.Equal(t, exitSucceeded, stop.ends(t), stop.stderr.String())
		require.Equal(t, exitCancelled, run.ends(t), run.stderr.String())
		require.Contains(t, run.stdout.String(), "The run was cancelled.\n")

		again := invoke(t, address, nil, "cancel", id)
		require.Equal(t, exitFailed, again.ends(t))
	})

	t.Run("a workload that the run refuses has exit code 2", func(t *testing.T) {
		t.Parallel()
		id, _ := play(t, scene{refused: "pool.vmSize: unknown"})
		run := invoke(t, address, nil, "run", "--id", id, file)
		require.Equal(t, exitUsage, run.ends(t), run.stderr.String())
		require.Contains(t, run.stdout.String(), "The workload was refused, and nothing was created: pool.vmSize: unknown\n")
		status := invoke(t, address, nil, "status", id)
		require.Equal(t, exitSucceeded, status.ends(t), status.stderr.String())
		require.NotContains(t, status.stdout.String(), "Pool", "nothing bears its names")
		require.NotContains(t, status.stdout.String(), "-out")
	})

	t.Run("a run that is terminated has exit code 1", func(t *testing.T) {
		t.Parallel()
		id, _ := play(t, scene{})
		run := invoke(t, address, nil, "run", "--json", "--id", id, file)
		require.Eventually(t, func() bool { return strings.Contains(run.stderr.String(), "Monitoring") }, time.Minute, 20*time.Millisecond)
		require.NoError(t, c.TerminateWorkflow(context.Background(), id, "", "because"))
		require.Equal(t, exitFailed, run.ends(t), run.stderr.String())
		var report workload.Report
		require.NoError(t, json.Unmarshal([]byte(run.stdout.String()), &report))
		require.Contains(t, report.Verdict, "terminated")
	})

	t.Run("Ctrl-C leaves the run running, and watch comes back", func(t *testing.T) {
		t.Parallel()
		id, release := play(t, scene{cleanup: workload.CleanupAlways})
		run := invoke(t, address, nil, "run", "--id", id, file)
		run.says(t, "Monitoring all tasks")
		run.interrupt()
		require.Equal(t, exitInterrupted, run.ends(t))
		require.Contains(t, run.stdout.String(), "goes on. Come back with: starter watch "+id+"\n")

		watch := invoke(t, address, nil, "watch", id)
		watch.says(t, "Uploading 2 files (6 B) to container [x-1-in]...\n")
		release()
		require.Equal(t, exitSucceeded, watch.ends(t), watch.stderr.String())
	})

	t.Run("why nothing moves is said once", func(t *testing.T) {
		t.Parallel()
		id, release := play(t, scene{
			cleanup: workload.CleanupAlways,
			stumble: "PUT https://x.invalid/c?sig=c2VjcmV0&se=1 went wrong",
			beats:   []workload.Progress{{Step: workflows.StepWait, Reason: "PoolQuotaReached: no cores are left; ask for more"}},
		})
		run := invoke(t, address, nil, "run", "--id", id, file)
		run.says(t, "Wait is tried again: PUT https://x.invalid/c?sig=REDACTED&se=1 went wrong\n")
		run.says(t, "Waiting: PoolQuotaReached: no cores are left; ask for more\n")
		release()
		require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
		require.Equal(t, 1, strings.Count(run.stdout.String(), "Waiting: "))
	})

	t.Run("an id that is taken is not attached to", func(t *testing.T) {
		t.Parallel()
		id, _ := play(t, scene{})
		first := invoke(t, address, nil, "start", "--json", "--id", id, file)
		require.Equal(t, exitSucceeded, first.ends(t), first.stderr.String())
		var run started
		require.NoError(t, json.Unmarshal([]byte(first.stdout.String()), &run))
		require.Equal(t, id, run.WorkflowID)
		require.NotEmpty(t, run.RunID)

		second := invoke(t, address, nil, "start", "--id", id, file)
		require.Equal(t, exitUsage, second.ends(t))
		require.Contains(t, second.stderr.String(), "starter watch "+id)
	})

	t.Run("status and list say what there is", func(t *testing.T) {
		t.Parallel()
		id, release := play(t, scene{beats: []workload.Progress{{Step: workflows.StepWait, Counts: workload.Counts{Total: 2, Running: 1, Succeeded: 1}}}})
		run := invoke(t, address, nil, "run", "--yes", "--id", id, file)
		run.says(t, "1 of 2 completed")
		status := invoke(t, address, nil, "status", id)
		require.Equal(t, exitSucceeded, status.ends(t), status.stderr.String())
		inOrder(t, status.stdout.String(), id, "Running, step: wait", "convert, 2 files (6 B), timeout 30m", "upload: done in", "wait: goes on", "1 of 2 completed, 1 running")
		release()
		require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())

		after := invoke(t, address, nil, "status", "--json", id)
		require.Equal(t, exitSucceeded, after.ends(t), after.stderr.String())
		var answer runStatus
		require.NoError(t, json.Unmarshal([]byte(after.stdout.String()), &answer))
		require.Equal(t, workload.Succeeded, answer.Report.Outcome)
		require.Equal(t, "Completed", answer.Execution)

		require.Eventually(t, func() bool {
			list := invoke(t, address, nil, "list", "--json")
			var runs []listed
			return list.ends(t) == exitSucceeded && json.Unmarshal([]byte(list.stdout.String()), &runs) == nil && holdsRun(runs, id)
		}, 30*time.Second, 100*time.Millisecond)
	})

	t.Run("an id that nobody knows is usage", func(t *testing.T) {
		t.Parallel()
		for _, verb := range []string{"status", "watch", "approve", "reject", "cancel"} {
			command := invoke(t, address, nil, verb, "nobody")
			require.Equal(t, exitUsage, command.ends(t), verb)
			require.Contains(t, command.stderr.String(), "there is no run nobody in namespace default")
		}
	})
}

func holdsRun(runs []listed, id string) bool {
	for _, run := range runs {
		if run.WorkflowID == id {
			return true
		}
	}
	return false
}

func TestFollowWithoutAWorker(t *testing.T) {
	t.Parallel()
	server := startTemporal(t, "", "")
	id, release := play(t, scene{cleanup: workload.CleanupAlways})
	release()
	run := invoke(t, server.FrontendHostPort(), nil, "run", "--id", id, workloadFile(t))
	run.says(t, "No worker answers on the task queue durabatch; the run goes on when one does.")
	require.Contains(t, run.stderr.String(), "no worker polls the task queue durabatch;")
	require.Contains(t, run.stderr.String(), "no worker polls the task queue durabatch@")
	status := invoke(t, server.FrontendHostPort(), nil, "status", id)
	require.Equal(t, exitSucceeded, status.ends(t), status.stderr.String())
	require.Contains(t, status.stdout.String(), "no worker answers on the task queue durabatch")

	host(t, server.Client())
	require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
	require.Equal(t, 1, strings.Count(run.stdout.String(), "No worker answers"))
}

func TestFollowOverARestartOfTemporal(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "temporal.db")
	server := startTemporal(t, "", database)
	address := server.FrontendHostPort()
	host(t, server.Client())
	id, release := play(t, scene{cleanup: workload.CleanupAlways})
	run := invoke(t, address, nil, "run", "--id", id, workloadFile(t))
	run.says(t, "Monitoring all tasks")
	require.NoError(t, server.Stop())
	run.says(t, "does not answer; the run itself is kept there. Trying again...")
	startTemporal(t, address, database)
	run.says(t, "Temporal answers again.")
	release()
	require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
}

func TestTemporalThatIsNotThere(t *testing.T) {
	t.Parallel()
	file := workloadFile(t)
	for _, args := range [][]string{{"run", file}, {"start", file}, {"watch", "x"}, {"status", "x"}, {"approve", "x"}, {"cancel", "x"}, {"list"}} {
		command := invoke(t, "127.0.0.1:1", nil, args...)
		require.Equal(t, exitUnreachable, command.ends(t), args)
		require.Contains(t, command.stderr.String(), "Temporal does not answer at 127.0.0.1:1")
		require.Empty(t, command.stdout.String())
	}
}
