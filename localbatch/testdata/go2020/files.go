package main

import (
	"io"

	"github.com/Azure/azure-sdk-for-go/services/batch/2020-09-01.12.0/batch"
)

func readFile(name, span string) string {
	answer, err := files.GetFromTask(ctx, jobID, "succeeds", name, nil, nil, nil, nil, span, nil, nil)
	must(err)
	text, err := io.ReadAll(*answer.Value)
	must(err)
	return string(text)
}

func readFiles() {
	equal("stdout.txt", readFile("stdout.txt", ""), "0123456789")
	equal("a range of stdout.txt", readFile("stdout.txt", "bytes=2-5"), "2345")
	equal("a file", readFile("wd/sub/a file", ""), "x\n")
	_, err := files.GetFromTask(ctx, jobID, "succeeds", "none", nil, nil, nil, nil, "", nil, nil)
	refused(err, 404)
	properties, err := files.GetPropertiesFromTask(ctx, jobID, "succeeds", "stdout.txt", nil, nil, nil, nil, nil, nil)
	must(err)
	equal("length", properties.Header.Get("Content-Length"), "10")
	equal("directory", properties.Header.Get("ocp-batch-file-isdirectory"), "False")

	var names []string
	var size int64
	list, err := files.ListFromTask(ctx, jobID, "succeeds", "", ptr(true), ptr[int32](2), nil, nil, nil, nil)
	for must(err); list.NotDone(); must(list.NextWithContext(ctx)) {
		for _, file := range list.Values() {
			names = append(names, *file.Name)
			if *file.Name == "stdout.txt" {
				size = *file.Properties.ContentLength // which this SDK can only read as a JSON number
			}
		}
	}
	equal("names", names, []string{"stderr.txt", "stdout.txt", "wd", "wd/sub", "wd/sub/a file"})
	equal("length listed", size, int64(10))

	task, err := getTask("succeeds")
	must(err)
	seen, err := files.GetFromComputeNode(ctx, poolID, *task.NodeInfo.NodeID, *task.NodeInfo.TaskRootDirectory+"/stdout.txt", nil, nil, nil, nil, "bytes=0-0", nil, nil)
	must(err)
	text, err := io.ReadAll(*seen.Value)
	must(err)
	equal("the file seen from its node", string(text), "0")
	_, err = files.DeleteFromTask(ctx, jobID, "succeeds", "wd/sub", ptr(true), nil, nil, nil, nil)
	must(err)
	_, err = files.GetPropertiesFromTask(ctx, jobID, "succeeds", "wd/sub/a file", nil, nil, nil, nil, nil, nil)
	refused(err, 404)
}

func jobState(state batch.JobState) batch.CloudJob {
	return until("the job is "+string(state), getJob, func(job batch.CloudJob) bool { return job.State == state })
}

func cleanUp() {
	_, err := jobs.Disable(ctx, jobID, batch.JobDisableParameter{DisableTasks: batch.DisableJobOptionRequeue}, nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	jobState(batch.JobStateDisabled)
	_, err = jobs.Enable(ctx, jobID, nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	jobState(batch.JobStateActive)
	_, err = jobs.Terminate(ctx, jobID, &batch.JobTerminateParameter{TerminateReason: ptr("done here")}, nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	equal("reason", *jobState(batch.JobStateCompleted).ExecutionInfo.TerminateReason, "done here")
	_, err = tasks.Add(ctx, jobID, batch.TaskAddParameter{ID: ptr("late"), CommandLine: ptr("true")}, nil, nil, nil, nil)
	refused(err, 409)
	_, err = jobs.Delete(ctx, jobID, nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	until("the job is gone", func() (batch.CloudJobListResultPage, error) {
		return jobs.List(ctx, "", "", "", nil, nil, nil, nil, nil)
	}, func(page batch.CloudJobListResultPage) bool { return len(page.Values()) == 0 })

	_, err = pools.Resize(ctx, poolID, batch.PoolResizeParameter{TargetDedicatedNodes: ptr[int32](0), NodeDeallocationOption: batch.Terminate}, nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	until("the nodes are gone", getPool, func(p batch.CloudPool) bool {
		return p.AllocationState == batch.Steady && *p.CurrentDedicatedNodes == 0
	})
	_, err = pools.Delete(ctx, poolID, nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	until("the pool is gone", func() (int, error) {
		answer, err := pools.Exists(ctx, poolID, nil, nil, nil, nil, "", "", nil, nil)
		return answer.StatusCode, err
	}, func(status int) bool { return status == 404 })
}
