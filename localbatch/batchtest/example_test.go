package batchtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/batchtest"
	"github.com/durabatch/durabatch/localbatch/faults"
)

// t stands for the *testing.T of a test. Where a test's cleanup would end the
// server, the examples close it themselves.
var t = new(exampleT)

type exampleT struct{ testing.TB }

func (*exampleT) Helper()           {}
func (*exampleT) Cleanup(func())    {}
func (*exampleT) Output() io.Writer { return io.Discard }
func (*exampleT) Error(args ...any) { panic(fmt.Sprint(args...)) }
func (*exampleT) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
func (*exampleT) TempDir() string {
	dir, err := os.MkdirTemp("", "batchtest")
	if err != nil {
		panic(err)
	}
	return dir
}

// examplePool is a pool of one node.
func examplePool() azbatch.CreatePoolContent {
	return azbatch.CreatePoolContent{
		ID: to.Ptr("pool"), VMSize: to.Ptr("Standard_D2s_v3"), TargetDedicatedNodes: to.Ptr(int32(1)),
		VirtualMachineConfiguration: &azbatch.VirtualMachineConfiguration{
			ImageReference: &azbatch.ImageReference{
				Publisher: to.Ptr("canonical"), Offer: to.Ptr("ubuntu-24_04-lts"), SKU: to.Ptr("server"),
			},
			NodeAgentSKUID: to.Ptr("batch.node.ubuntu 24.04"),
		},
	}
}

// A pool, a job and a task: all a service needs to show that it runs something.
func Example() {
	server := batchtest.Start(t)
	defer server.Close()
	ctx, client := context.Background(), server.Client

	must(client.CreatePool(ctx, examplePool(), nil))
	must(client.CreateJob(ctx, azbatch.CreateJobContent{
		ID: to.Ptr("job"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")},
	}, nil))
	must(client.CreateTask(ctx, "job", azbatch.CreateTaskContent{
		ID: to.Ptr("hello"), CommandLine: to.Ptr("/bin/sh -c 'echo hello from $AZ_BATCH_TASK_ID'"),
	}, nil))

	for {
		task := must(client.GetTask(ctx, "job", "hello", nil))
		if *task.State == azbatch.TaskStateCompleted {
			fmt.Println(*task.ExecutionInfo.Result)
			break
		}
	}
	file := must(client.GetTaskFile(ctx, "job", "hello", "stdout.txt", nil))
	defer file.Body.Close()
	fmt.Printf("%s", must(io.ReadAll(file.Body)))
	// Output:
	// success
	// hello from hello
}

// What a service is like is for its options to say.
func ExampleStart() {
	server := batchtest.Start(t, func(o *localbatch.Options) {
		o.BootTime = 10 * time.Millisecond
		o.Quotas = faults.Quotas{Pools: to.Ptr(0)}
	})
	defer server.Close()

	_, err := server.Client.CreatePool(context.Background(), examplePool(), nil)
	var refused *azcore.ResponseError
	errors.As(err, &refused)
	fmt.Println(refused.StatusCode, refused.ErrorCode)
	// Output: 409 PoolQuotaReached
}

// The service is busy twice; azbatch waits as long as it is told to, and tries
// again.
func ExampleServer_Faults() {
	server := batchtest.Start(t)
	defer server.Close()
	wait := faults.Duration(20 * time.Millisecond)
	server.Faults(faults.Plan{Requests: []faults.RequestRule{{
		When:       faults.When{Name: "busy", Times: 2},
		Operations: []string{"CreatePool"},
		Actions:    []faults.Action{{Do: faults.TooManyRequests, RetryAfter: &wait}},
	}}})

	_, err := server.Client.CreatePool(context.Background(), examplePool(), nil)
	fmt.Println(err, server.FaultReport().Fired("busy"))
	// Output: <nil> 2
}

// The answer is lost, not the pool: the client's second try finds the pool that
// its first one has made.
func ExampleServer_Faults_afterTheEffect() {
	server := batchtest.Start(t)
	defer server.Close()
	server.Faults(faults.Plan{Requests: []faults.RequestRule{{
		When:       faults.When{Nth: 1},
		Operations: []string{"CreatePool"},
		Actions:    []faults.Action{{Do: faults.CloseAfter}},
	}}})
	client := server.NewClient(azcore.ClientOptions{Retry: policy.RetryOptions{RetryDelay: time.Millisecond}})

	_, err := client.CreatePool(context.Background(), examplePool(), nil)
	var refused *azcore.ResponseError
	errors.As(err, &refused)
	fmt.Println(refused.ErrorCode)
	// Output: PoolExists
}

// must is for what does not go wrong in an example.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
