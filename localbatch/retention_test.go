package localbatch_test

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// hasNodeFile says whether a file is below workitems/job/job-1 on the pool's node.
func (w *world) hasNodeFile(name string) bool {
	w.t.Helper()
	_, err := w.GetNodeFileProperties(ctx, "pool", *w.nodeOf("pool").ID, "workitems/job/job-1/"+name, nil)
	return err == nil
}

func TestFilesOfPreparationAndReleaseGoAfterTheirRetention(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool",
		prepared("echo kept > file", func(p *azbatch.JobPreparationTask) {
			p.Constraints = &azbatch.TaskConstraints{RetentionTime: to.Ptr("P1D")}
		}),
		released("true"), func(c *azbatch.CreateJobContent) { c.JobReleaseTask.RetentionTime = to.Ptr("P3D") })
	w.add("one", "true")
	w.completed("one")
	clock.Advance(2 * day)
	w.add("two", shell(`cat "$AZ_BATCH_JOB_PREP_WORKING_DIR/file"`))
	w.completed("two")
	require.Equal(t, "kept\n", w.file("two", "stdout.txt", nil), "the job's tasks may still need them")

	w.endJob("job")
	eventually(t, "the files of the preparation task go with the job's end", func() bool { return !w.hasNodeFile("jobpreparation") })
	require.True(t, w.hasNodeFile("jobrelease/stdout.txt"))

	w.close()
	w.open(func(o *localbatch.Options) { o.Clock = clock })
	require.True(t, w.hasNodeFile("jobrelease/stdout.txt"))
	clock.Advance(3 * day)
	eventually(t, "the files of the release task go", func() bool { return !w.hasNodeFile("jobrelease") })
	require.True(t, w.hasNodeFile("two/stdout.txt"), "other tasks' files stay for their own time")
	require.Len(t, w.preparations(nil), 1, "what came of the tasks can be read for as long as there is the job")
}

func TestFilesOfPreparationAndReleaseStayForAWeek(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared("true"), released("true"))
	w.add("one", "true")
	w.completed("one")
	w.endJob("job")
	clock.Advance(7*day - time.Hour)
	require.True(t, w.hasNodeFile("jobpreparation/stdout.txt"))
	require.True(t, w.hasNodeFile("jobrelease/stdout.txt"))
	clock.Advance(2 * time.Hour)
	eventually(t, "both are gone", func() bool { return !w.hasNodeFile("jobpreparation") && !w.hasNodeFile("jobrelease") })
}

func TestFilesOfPreparationStayForGoodIfTheyAreTo(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared("true", func(p *azbatch.JobPreparationTask) {
		p.Constraints = &azbatch.TaskConstraints{RetentionTime: to.Ptr("P10675199DT2H48M5.4775807S")}
	}))
	w.add("one", "true")
	w.completed("one")
	w.endJob("job")
	clock.Advance(365 * day)
	eventually(t, "the task's files are gone", func() bool { return !w.hasNodeFile("one") })
	require.True(t, w.hasNodeFile("jobpreparation/stdout.txt"))
}

// TestNodeStaysForRetainedDataOfARelease: retaineddata waits for the
// directories of all tasks.
func TestNodeStaysForRetainedDataOfARelease(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared("true", func(p *azbatch.JobPreparationTask) {
		p.Constraints = &azbatch.TaskConstraints{RetentionTime: to.Ptr("PT0S")}
	}), released("true"), func(c *azbatch.CreateJobContent) { c.JobReleaseTask.RetentionTime = to.Ptr("P1D") })
	w.add("one", "true", func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{RetentionTime: to.Ptr("PT0S")}
	})
	w.completed("one")
	w.endJob("job")
	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{
		TargetDedicatedNodes: to.Ptr[int32](0), ResizeTimeout: to.Ptr("P30D"),
		NodeDeallocationOption: to.Ptr(azbatch.NodeDeallocationOptionRetainedData),
	}, nil)
	require.NoError(t, err)
	clock.Advance(23 * time.Hour)
	require.Equal(t, azbatch.NodeStateLeavingPool, *w.nodeOf("pool").State)
	clock.Advance(2 * time.Hour)
	w.steady("pool")
}
