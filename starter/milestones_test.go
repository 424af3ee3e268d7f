package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// told is what milestones print of sightings, one after the other.
func told(p *plan, seen ...sighting) string {
	var out bytes.Buffer
	m := newMilestones(newScreen(&out, false), p)
	for _, s := range seen {
		m.show(s)
	}
	return out.String()
}

func sightingOf(resources workload.Resources, files int64, steps ...workflows.Step) sighting {
	return sighting{status: &workflows.Status{Resources: resources, Files: files, Bytes: 1000 * files, Timeout: workload.Duration(time.Minute), Steps: steps}}
}

func begun(name string) workflows.Step {
	return workflows.Step{Name: name, Started: time.Unix(1, 0)}
}

func done(name string) workflows.Step {
	return workflows.Step{Name: name, Started: time.Unix(1, 0), Ended: time.Unix(2, 0)}
}

var ours = workload.Resources{Pool: "r-1", Job: "r-1", InputContainer: "r-1-in", OutputContainer: "r-1-out"}

func planOf(names ...string) *plan {
	return &plan{workload: &workload.Workload{}, counted: true, files: int64(len(names)), names: names}
}

func TestWhatIsTheUsersOwnIsNotCreated(t *testing.T) {
	t.Parallel()
	resources := workload.Resources{Pool: "mine", Job: "r-1", InputContainer: "videos", OutputContainer: "r-1-out"}
	require.Equal(t, "Container [r-1-out] created.\nUsing pool [mine]...\nAdding 1 task to job [r-1]...\n",
		told(nil, sightingOf(resources, 1, done(workflows.StepScan), begun(workflows.StepPool), begun(workflows.StepSubmit))))
}

func TestContainersAreToldOfWhenTheyExist(t *testing.T) {
	t.Parallel()
	failed := done(workflows.StepScan)
	failed.Error = "no such directory"
	require.Empty(t, told(nil, sightingOf(ours, 0, begun(workflows.StepScan)), sightingOf(ours, 0, failed)))
}

func TestFilesAreNamedAsTheirTurnComes(t *testing.T) {
	t.Parallel()
	names := []string{"1", "2", "3"}
	upload := func(files int64) sighting {
		seen := sightingOf(ours, 3, begun(workflows.StepUpload))
		seen.activities = []activity{{ID: "7", Attempt: 1, Progress: workload.Progress{Step: workflows.StepUpload, Files: files, Total: 3}}}
		return seen
	}
	line := func(name string) string { return fmt.Sprintf("Uploading file %s to container [r-1-in]...\n", name) }
	require.Equal(t, line("1"), told(planOf(names...), sightingOf(ours, 3, begun(workflows.StepUpload)), upload(0)))
	require.Equal(t, line("1")+line("2")+line("3"), told(planOf(names...), upload(0), upload(1), upload(1), upload(2), upload(3)))
	require.Equal(t, line("1")+line("2")+line("3"), told(planOf(names...), sightingOf(ours, 3, done(workflows.StepUpload))))

	failed := done(workflows.StepUpload)
	failed.Error = "disk on fire"
	require.Equal(t, line("1"), told(planOf(names...), sightingOf(ours, 3, failed)))

	const counted = "Uploading 3 files (3.0 KB) to container [r-1-in]...\n"
	require.Equal(t, counted, told(nil, upload(1), upload(2)), "somebody else's run")
	require.Equal(t, counted, told(planOf("1", "2"), upload(1)), "files came or went meanwhile")
	many := make([]string, namedFiles)
	p := planOf(many...)
	p.files = namedFiles + 1
	require.Equal(t, 1, bytes.Count([]byte(told(p, sightingOf(ours, p.files, done(workflows.StepUpload)))), []byte("\n")))
}

func TestTheVerdictComesBeforeTheCleanup(t *testing.T) {
	t.Parallel()
	seen := sightingOf(ours, 1, done(workflows.StepDeleteInputs), done(workflows.StepEmptyPool), done(workflows.StepDeletePool))
	seen.status.Report = &workload.Report{Outcome: workload.Succeeded}
	require.Equal(t, success+"\nDeleting container [r-1-in]...\nDeleting pool [r-1]...\n", told(nil, seen, seen))
}

func TestProgressIsOfTheLatestStep(t *testing.T) {
	t.Parallel()
	activities := []activity{
		{Progress: workload.Progress{Step: workflows.StepWait, Counts: workload.Counts{Total: 5, Running: 2, Succeeded: 2, Failed: 1}, Nodes: map[string]int32{"running": 2, "idle": 1, "offline": 0}}},
		{Progress: workload.Progress{Step: workflows.StepUpload, Files: 4, Total: 5, Bytes: 4200}},
		{},
	}
	require.Equal(t, "3 of 5 completed, 2 running, 1 failed · nodes: 1 idle, 2 running", progressOf(activities, progressSteps))
	require.Equal(t, "4 of 5 files uploaded, 4.2 KB", progressOf(activities[1:], progressSteps))
	require.Empty(t, progressOf(activities[1:], progressSteps[1:]))
	require.Empty(t, progressOf(activities[2:], progressSteps))
}
