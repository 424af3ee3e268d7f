// Command go2020 drives a Batch service with the Go SDK of before azbatch, from
// an empty account to an empty account, and exits with an error at the first
// answer that is not as expected.
package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/Azure/azure-sdk-for-go/services/batch/2020-09-01.12.0/batch"
	"github.com/Azure/go-autorest/autorest"
)

const poolID, jobID = "Go2020", "go2020-job"

var (
	ctx     = context.Background()
	pools   batch.PoolClient
	jobs    batch.JobClient
	tasks   batch.TaskClient
	files   batch.FileClient
	nodes   batch.ComputeNodeClient
	account batch.AccountClient
)

func main() {
	url, authorizer, err := fromEnvironment()
	must(err)
	pools, jobs, tasks = batch.NewPoolClient(url), batch.NewJobClient(url), batch.NewTaskClient(url)
	files, nodes, account = batch.NewFileClient(url), batch.NewComputeNodeClient(url), batch.NewAccountClient(url)
	for _, base := range []*batch.BaseClient{
		&pools.BaseClient, &jobs.BaseClient, &tasks.BaseClient, &files.BaseClient, &nodes.BaseClient, &account.BaseClient,
	} {
		base.Authorizer = authorizer
		base.RetryAttempts = 1 // an answer that would be tried again is not expected
	}
	makePool()
	makeJob()
	runTasks()
	readFiles()
	cleanUp()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ptr[T any](v T) *T { return &v }

func equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
}

// refused requires that a call has been answered with this status.
func refused(err error, status int) {
	var answer autorest.DetailedError
	if !errors.As(err, &answer) {
		panic(fmt.Sprintf("want an answer with status %d, got %v", status, err))
	}
	equal("status", answer.StatusCode, status)
}

// until polls what get gives until check holds for it.
func until[T any](what string, get func() (T, error), check func(T) bool) T {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		value, err := get()
		must(err)
		if check(value) {
			return value
		}
		if time.Now().After(deadline) {
			panic("waited 20 s until " + what)
		}
	}
}

func sh(script string) *string { return ptr("/bin/sh -c '" + script + "'") }

func getPool() (batch.CloudPool, error) {
	return pools.Get(ctx, poolID, "", "", nil, nil, nil, nil, "", "", nil, nil)
}

func makePool() {
	added, err := pools.Add(ctx, batch.PoolAddParameter{
		ID: ptr(poolID), VMSize: ptr("STANDARD_D2S_V3"),
		VirtualMachineConfiguration: &batch.VirtualMachineConfiguration{
			ImageReference: &batch.ImageReference{Publisher: ptr("canonical"), Offer: ptr("ubuntu-24_04-lts"), Sku: ptr("server")},
			NodeAgentSKUID: ptr("batch.node.ubuntu 24.04"),
		},
		TargetDedicatedNodes: ptr[int32](2), TaskSlotsPerNode: ptr[int32](2),
		StartTask: &batch.StartTask{CommandLine: ptr("true"), WaitForSuccess: ptr(true)},
		Metadata:  &[]batch.MetadataItem{{Name: ptr("by"), Value: ptr("go")}},
	}, nil, nil, nil, nil)
	must(err)
	equal("status of a new pool", added.StatusCode, 201)
	pool := until("the pool is steady", getPool, func(p batch.CloudPool) bool { return p.AllocationState == batch.Steady })
	equal("nodes", *pool.CurrentDedicatedNodes, int32(2))
	equal("resizeTimeout", *pool.ResizeTimeout, "PT15M")
	equal("metadata", *(*pool.Metadata)[0].Value, "go")

	answer, err := pools.Exists(ctx, "another", nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	equal("status of a pool that is not there", answer.StatusCode, 404)

	_, err = pools.Patch(ctx, poolID, batch.PoolPatchParameter{
		Metadata: &[]batch.MetadataItem{{Name: ptr("patched"), Value: ptr("yes")}},
	}, nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	page, err := pools.List(ctx, "state eq 'active' and startswith(id, 'go')", "id,metadata", "", nil, nil, nil, nil, nil)
	must(err)
	equal("pools listed", len(page.Values()), 1)
	listed := page.Values()[0]
	equal("metadata listed", *(*listed.Metadata)[0].Name, "patched")
	equal("what was not selected", listed.VMSize, (*string)(nil))
	_, err = pools.Resize(ctx, poolID, batch.PoolResizeParameter{TargetDedicatedNodes: ptr[int32](1)}, nil, nil, nil, nil, "0x8D0000000000000", "", nil, nil)
	refused(err, 412)

	seen := 0
	list, err := nodes.List(ctx, poolID, "", "id,state", ptr[int32](1), nil, nil, nil, nil)
	for must(err); list.NotDone(); must(list.NextWithContext(ctx)) {
		equal("nodes on a page", len(list.Values()), 1)
		seen++
	}
	equal("pages of nodes", seen, 2)
	until("both nodes are idle", func() (batch.PoolNodeCountsListResultPage, error) {
		return account.ListPoolNodeCounts(ctx, "poolId eq '"+poolID+"'", nil, nil, nil, nil, nil)
	}, func(page batch.PoolNodeCountsListResultPage) bool { return *page.Values()[0].Dedicated.Idle == 2 })
}

func getJob() (batch.CloudJob, error) {
	return jobs.Get(ctx, jobID, "", "", nil, nil, nil, nil, "", "", nil, nil)
}

func makeJob() {
	_, err := jobs.Add(ctx, batch.JobAddParameter{ID: ptr(jobID), PoolInfo: &batch.PoolInformation{PoolID: ptr(poolID)}}, nil, nil, nil, nil)
	must(err)
	_, err = jobs.Patch(ctx, jobID, batch.JobPatchParameter{Priority: ptr[int32](7)}, nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	job, err := getJob()
	must(err)
	equal("priority", *job.Priority, int32(7))
	equal("state", job.State, batch.JobStateActive)
	equal("limit of time", *job.Constraints.MaxWallClockTime, "P10675199DT2H48M5.4775807S")
}

func addTask(task batch.TaskAddParameter) {
	_, err := tasks.Add(ctx, jobID, task, nil, nil, nil, nil)
	must(err)
}

func getTask(id string) (batch.CloudTask, error) {
	return tasks.Get(ctx, jobID, id, "", "", nil, nil, nil, nil, "", "", nil, nil)
}

func taskState(id string, state batch.TaskState) batch.CloudTask {
	return until("task "+id+" is "+string(state), func() (batch.CloudTask, error) { return getTask(id) },
		func(task batch.CloudTask) bool { return task.State == state })
}

func listTasks(filter string, maxResults *int32) (ids []string, pages int) {
	list, err := tasks.List(ctx, jobID, filter, "id,state", "", maxResults, nil, nil, nil, nil)
	for must(err); list.NotDone(); must(list.NextWithContext(ctx)) {
		for _, task := range list.Values() {
			ids = append(ids, *task.ID)
		}
		pages++
	}
	return ids, pages
}

func runTasks() {
	addTask(batch.TaskAddParameter{ID: ptr("succeeds"), CommandLine: sh(`printf 0123456789; mkdir sub; echo x > "sub/a file"`)})
	addTask(batch.TaskAddParameter{ID: ptr("fails"), CommandLine: sh(`echo why >&2; exit 3`)})
	addTask(batch.TaskAddParameter{
		ID: ptr("retries"), Constraints: &batch.TaskConstraints{MaxTaskRetryCount: ptr[int32](3)},
		CommandLine: sh(`test -e $AZ_BATCH_NODE_SHARED_DIR/tried || { touch $AZ_BATCH_NODE_SHARED_DIR/tried; exit 1; }`),
	})
	equal("result", taskState("succeeds", batch.TaskStateCompleted).ExecutionInfo.Result, batch.Success)
	failure := taskState("fails", batch.TaskStateCompleted).ExecutionInfo
	equal("exit code", *failure.ExitCode, int32(3))
	equal("failure", *failure.FailureInfo.Code, "FailureExitCode")
	equal("category", failure.FailureInfo.Category, batch.UserError)
	retried := taskState("retries", batch.TaskStateCompleted).ExecutionInfo
	equal("result of retries", retried.Result, batch.Success)
	equal("retried, once for each node at most", *retried.RetryCount == 1 || *retried.RetryCount == 2, true)

	var collection []batch.TaskAddParameter
	var ids []string
	for i := range 9 {
		id := fmt.Sprint("many-", i)
		ids = append(ids, id)
		collection = append(collection, batch.TaskAddParameter{ID: &id, CommandLine: ptr("true")})
	}
	collection = append(collection, batch.TaskAddParameter{ID: ptr("FAILS"), CommandLine: ptr("true")})
	added, err := tasks.AddCollection(ctx, jobID, batch.TaskAddCollectionParameter{Value: &collection}, nil, nil, nil, nil)
	must(err)
	statuses := map[batch.TaskAddStatus]int{}
	for _, result := range *added.Value {
		statuses[result.Status]++
		if result.Error != nil {
			equal("why a task was not added", *result.Error.Code, "TaskExists")
		}
	}
	equal("added", statuses, map[batch.TaskAddStatus]int{batch.TaskAddStatusSuccess: 9, batch.TaskAddStatusClientError: 1})
	until("all are completed", func() (batch.TaskCountsResult, error) { return jobs.GetTaskCounts(ctx, jobID, nil, nil, nil, nil) },
		func(r batch.TaskCountsResult) bool {
			return *r.TaskCounts.Completed == 12 && *r.TaskCounts.Succeeded == 11
		})

	listed, pages := listTasks("startswith(id,'many-')", ptr[int32](4))
	equal("tasks listed", listed, ids)
	equal("pages of tasks", pages, 3)
	listed, _ = listTasks("executionInfo/exitCode eq 3 or (id eq 'none' and state eq 'active')", nil)
	equal("tasks with exit code 3", listed, []string{"fails"})
	_, err = tasks.List(ctx, jobID, "nothing eq 1", "", "", nil, nil, nil, nil, nil)
	refused(err, 400)
	_, err = getTask("none")
	refused(err, 404)

	addTask(batch.TaskAddParameter{ID: ptr("sleeps"), CommandLine: ptr("sleep 1000")})
	taskState("sleeps", batch.TaskStateRunning)
	_, err = tasks.Terminate(ctx, jobID, "sleeps", nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	equal("failure", *taskState("sleeps", batch.TaskStateCompleted).ExecutionInfo.FailureInfo.Code, "TaskEnded")
	_, err = tasks.Reactivate(ctx, jobID, "fails", nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	taskState("fails", batch.TaskStateCompleted)
	_, err = tasks.Delete(ctx, jobID, "sleeps", nil, nil, nil, nil, "", "", nil, nil)
	must(err)
	_, err = getTask("sleeps")
	refused(err, 404)
}
