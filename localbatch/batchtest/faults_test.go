package batchtest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/batchtest"
	"github.com/durabatch/durabatch/localbatch/faults"
)

var ctx = context.Background()

func poolContent(id string, nodes int32) azbatch.CreatePoolContent {
	return azbatch.CreatePoolContent{
		ID: &id, VMSize: to.Ptr("Standard_A1_v2"), TargetDedicatedNodes: &nodes,
		VirtualMachineConfiguration: &azbatch.VirtualMachineConfiguration{
			ImageReference: &azbatch.ImageReference{
				Publisher: to.Ptr("canonical"), Offer: to.Ptr("ubuntu-24_04-lts"), SKU: to.Ptr("server"),
			},
			NodeAgentSKUID: to.Ptr("batch.node.ubuntu 24.04"),
		},
	}
}

// tries counts what a client sends. Its connections are used once, since
// net/http sends a request again by itself when it fails on a used one.
type tries struct {
	*http.Client
	sent atomic.Int32
}

func (c *tries) Do(r *http.Request) (*http.Response, error) {
	c.sent.Add(1)
	return c.Client.Do(r)
}

// client counts its tries and does not wait long between them.
func client(s *batchtest.Server, retries int32) (*azbatch.Client, *tries) {
	transport := &tries{Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	return s.NewClient(azcore.ClientOptions{
		Transport: transport,
		Retry:     policy.RetryOptions{MaxRetries: retries, RetryDelay: time.Millisecond},
	}), transport
}

// once is a plan by which an operation goes wrong at its first call.
func once(operation string, action faults.Action) faults.Plan {
	return faults.Plan{Requests: []faults.RequestRule{{
		When: faults.When{Name: "once", Nth: 1}, Operations: []string{operation}, Actions: []faults.Action{action},
	}}}
}

func milliseconds(n int) *faults.Duration {
	return to.Ptr(faults.Duration(time.Duration(n) * time.Millisecond))
}

func statusOf(t *testing.T, err error) (int, string) {
	t.Helper()
	var answer *azcore.ResponseError
	require.ErrorAs(t, err, &answer)
	return answer.StatusCode, answer.ErrorCode
}

// What azbatch does by itself about each action, and what it tells its caller.
func TestRetriesOfAzbatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		action faults.Action
		sent   int32
		code   string // of the error after the retry; "": success
	}{
		"tooManyRequests": {faults.Action{Do: faults.TooManyRequests, RetryAfter: milliseconds(20)}, 2, ""},
		"serverBusy":      {faults.Action{Do: faults.ServerBusy, RetryAfter: milliseconds(20)}, 2, ""},
		"errorBefore":     {faults.Action{Do: faults.ErrorBefore}, 2, ""},
		"errorAfter":      {faults.Action{Do: faults.ErrorAfter}, 2, "PoolExists"},
		"closeBefore":     {faults.Action{Do: faults.CloseBefore}, 2, ""},
		"closeAfter":      {faults.Action{Do: faults.CloseAfter}, 2, "PoolExists"},
		"delay":           {faults.Action{Do: faults.Delay, Delay: *milliseconds(20)}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := batchtest.Start(t)
			client, transport := client(s, 3)
			s.Faults(once("CreatePool", c.action))
			began := time.Now()
			_, err := client.CreatePool(ctx, poolContent("pool", 0), nil)
			if c.code == "" {
				require.NoError(t, err)
			} else {
				status, code := statusOf(t, err)
				require.Equal(t, http.StatusConflict, status)
				require.Equal(t, c.code, code)
			}
			require.Equal(t, c.sent, transport.sent.Load())
			wait := time.Duration(c.action.Delay)
			if c.action.RetryAfter != nil {
				wait = time.Duration(*c.action.RetryAfter)
			}
			require.GreaterOrEqual(t, time.Since(began), wait)
			require.Equal(t, 1, s.FaultReport().Fired("once"))
			_, err = s.Client.GetPool(ctx, "pool", nil)
			require.NoError(t, err, "there is one pool, whatever went wrong")
		})
	}
}

// What a caller sees of each action who does not retry.
func TestAnswersOfFaults(t *testing.T) {
	t.Parallel()
	s := batchtest.Start(t)
	client, _ := client(s, -1)
	for _, c := range []struct {
		action     faults.Action
		status     int
		code       string
		retryAfter [2]string
		created    bool
	}{
		{faults.Action{Do: faults.TooManyRequests}, 429, "TooManyRequests", [2]string{"1", ""}, false},
		{faults.Action{Do: faults.TooManyRequests, RetryAfter: milliseconds(2000)}, 429, "TooManyRequests", [2]string{"2", ""}, false},
		{faults.Action{Do: faults.ServerBusy, RetryAfter: milliseconds(1500)}, 503, "ServerBusy", [2]string{"2", "1500"}, false},
		{faults.Action{Do: faults.ErrorBefore}, 500, "InternalError", [2]string{}, false},
		{faults.Action{Do: faults.ErrorAfter}, 500, "InternalError", [2]string{}, true},
		{faults.Action{Do: faults.CloseBefore}, 0, "", [2]string{}, false},
		{faults.Action{Do: faults.CloseAfter}, 0, "", [2]string{}, true},
	} {
		s.Faults(once("CreatePool", c.action))
		_, err := client.CreatePool(ctx, poolContent("pool", 0), nil)
		require.Error(t, err)
		if c.status == 0 {
			require.ErrorIs(t, err, syscall.ECONNRESET, c.action.Do)
		} else {
			var answer *azcore.ResponseError
			require.ErrorAs(t, err, &answer, c.action.Do)
			require.Equal(t, c.status, answer.StatusCode)
			require.Equal(t, c.code, answer.ErrorCode)
			h := answer.RawResponse.Header
			require.Equal(t, c.retryAfter, [2]string{h.Get("Retry-After"), h.Get("x-ms-retry-after-ms")})
			require.Contains(t, answer.Error(), "the fault plan's rule once asks for it")
		}
		_, err = client.GetPool(ctx, "pool", nil)
		require.Equal(t, c.created, err == nil, "%s: %v", c.action.Do, err)
		if c.created {
			_, err = client.DeletePool(ctx, "pool", nil)
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				_, err := client.GetPool(ctx, "pool", nil)
				return err != nil
			}, 10*time.Second, time.Millisecond)
		}
	}
}

// A delayed answer is one that a client may give up on: the effect is there.
func TestAnAnswerThatComesTooLate(t *testing.T) {
	t.Parallel()
	s := batchtest.Start(t)
	s.Faults(once("CreatePool", faults.Action{Do: faults.Delay, Delay: *milliseconds(60_000)}))
	client := s.NewClient(azcore.ClientOptions{Retry: policy.RetryOptions{TryTimeout: 200 * time.Millisecond, RetryDelay: time.Millisecond}})
	_, err := client.CreatePool(ctx, poolContent("pool", 0), nil)
	_, code := statusOf(t, err)
	require.Equal(t, "PoolExists", code, "of the client's own first try")
}

func TestLostAnswersOfOtherOperations(t *testing.T) {
	t.Parallel()
	s := batchtest.Start(t)
	_, err := s.Client.CreatePool(ctx, poolContent("pool", 1), nil)
	require.NoError(t, err)
	client, _ := client(s, 3)
	lost := faults.Action{Do: faults.ErrorAfter}

	s.Faults(once("CreateJob", lost))
	_, err = client.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("job"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}, nil)
	_, code := statusOf(t, err)
	require.Equal(t, "JobExists", code)

	s.Faults(once("CreateTaskCollection", lost))
	group := azbatch.TaskGroup{Value: []azbatch.CreateTaskContent{
		{ID: to.Ptr("a"), CommandLine: to.Ptr("true")}, {ID: to.Ptr("b"), CommandLine: to.Ptr("true")},
	}}
	answer, err := client.CreateTaskCollection(ctx, "job", group, nil)
	require.NoError(t, err, "the request succeeds, its items do not")
	for _, item := range answer.Value {
		require.Equal(t, azbatch.TaskAddStatusClientError, *item.Status)
		require.Equal(t, "TaskExists", *item.Error.Code)
	}

	s.Faults(once("TerminateTask", lost))
	require.Eventually(t, func() bool {
		task, err := client.GetTask(ctx, "job", "a", nil)
		return err == nil && *task.State == azbatch.TaskStateCompleted
	}, 10*time.Second, time.Millisecond)
	_, err = client.TerminateTask(ctx, "job", "a", nil)
	status, _ := statusOf(t, err)
	require.Equal(t, http.StatusConflict, status)

	s.Faults(once("DeleteTask", lost))
	_, err = client.DeleteTask(ctx, "job", "a", nil)
	_, code = statusOf(t, err)
	require.Equal(t, "TaskNotFound", code)

	s.Faults(once("PoolExists", faults.Action{Do: faults.ServerBusy, RetryAfter: milliseconds(1)}))
	_, err = client.PoolExists(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, 1, s.FaultReport().Fired("once"))
}

// azcore gives a Retry-After up that is longer than it may wait.
func TestARetryAfterThatIsTooLong(t *testing.T) {
	t.Parallel()
	s := batchtest.Start(t)
	s.Faults(once("ListPools", faults.Action{Do: faults.TooManyRequests, RetryAfter: milliseconds(120_000)}))
	client, transport := client(s, 3)
	_, err := client.NewListPoolsPager(nil).NextPage(ctx)
	status, _ := statusOf(t, err)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, int32(1), transport.sent.Load())
}

func TestAPlanIsReplayed(t *testing.T) {
	t.Parallel()
	outcomes := func() string {
		s := batchtest.Start(t, func(o *localbatch.Options) {
			o.Faults = faults.Plan{Seed: 11, Requests: []faults.RequestRule{{
				When: faults.When{Probability: to.Ptr(0.5)},
				Actions: []faults.Action{
					{Do: faults.TooManyRequests}, {Do: faults.ErrorBefore}, {Do: faults.CloseBefore},
				},
			}}}
		})
		client, _ := client(s, -1)
		var seen strings.Builder
		for range 40 {
			_, err := client.NewListPoolsPager(nil).NextPage(ctx)
			var answer *azcore.ResponseError
			switch {
			case err == nil:
				seen.WriteString("ok ")
			case errors.As(err, &answer):
				seen.WriteString(answer.ErrorCode + " ")
			default:
				seen.WriteString("reset ")
			}
		}
		return seen.String()
	}
	first := outcomes()
	require.Equal(t, first, outcomes())
	for _, outcome := range []string{"ok", "TooManyRequests", "InternalError", "reset"} {
		require.Contains(t, first, outcome)
	}
}
