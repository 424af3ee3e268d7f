package e2e

import (
	"context"
	"net"
	"sync"

	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// temporalTrap stands between a worker and Temporal.
type temporalTrap struct {
	*trap
	mu    sync.Mutex
	types map[string]string // of activities, by their token
}

// serve answers the address at which the worker finds Temporal, and what ends
// that.
func (t *temporalTrap) serve(temporal string) (address string, stop func(), err error) {
	size := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64 << 20))
	upstream, err := grpc.NewClient(temporal, grpc.WithTransportCredentials(insecure.NewCredentials()), size)
	if err != nil {
		return "", nil, err
	}
	service, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{Client: workflowservice.NewWorkflowServiceClient(upstream)})
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(t.call), grpc.MaxRecvMsgSize(64<<20))
	workflowservice.RegisterWorkflowServiceServer(server, service)
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), func() { server.Stop(); _ = upstream.Close() }, nil
}

var deadStatus = status.Error(codes.Unavailable, errDead.Error())

// call passes one call on.
func (t *temporalTrap) call(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	effect := t.effect(request)
	if effect != "" && t.passes(before, effect) {
		return nil, deadStatus
	}
	answer, err := next(ctx, request)
	if effect != "" && err == nil && t.passes(after, effect) {
		return nil, deadStatus
	}
	if err == nil && t.handsOut(answer) {
		return nil, deadStatus
	}
	return answer, err
}

// effect names a call by which a worker says that something is done, or how far
// it is.
func (t *temporalTrap) effect(request any) string {
	switch r := request.(type) {
	case *workflowservice.RespondWorkflowTaskCompletedRequest:
		return "workflow task done"
	case *workflowservice.RespondActivityTaskCompletedRequest:
		return t.typeOf(r.GetTaskToken()) + " done"
	case *workflowservice.RespondActivityTaskFailedRequest:
		return t.typeOf(r.GetTaskToken()) + " failed"
	case *workflowservice.RespondActivityTaskCanceledRequest:
		return t.typeOf(r.GetTaskToken()) + " canceled"
	}
	return ""
}

// handsOut tells the trap of what the worker is given to do.
func (t *temporalTrap) handsOut(answer any) (dead bool) {
	switch a := answer.(type) {
	case *workflowservice.PollActivityTaskQueueResponse:
		return len(a.GetTaskToken()) > 0 && t.handsOutActivity(a)
	case *workflowservice.PollWorkflowTaskQueueResponse:
		return len(a.GetTaskToken()) > 0 && a.GetQuery() == nil && t.passes(after, "workflow task given")
	case *workflowservice.RespondWorkflowTaskCompletedResponse:
		for _, activity := range a.GetActivityTasks() {
			dead = t.handsOutActivity(activity) || dead
		}
		return dead
	}
	return false
}

func (t *temporalTrap) handsOutActivity(a *workflowservice.PollActivityTaskQueueResponse) bool {
	t.mu.Lock()
	t.types[string(a.GetTaskToken())] = a.GetActivityType().GetName()
	t.mu.Unlock()
	return t.passes(after, a.GetActivityType().GetName()+" given")
}

func (t *temporalTrap) typeOf(token []byte) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.types[string(token)]
}
