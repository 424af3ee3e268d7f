package localbatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// recorder is a service's log that remembers how each operation was last answered.
type recorder struct {
	slog.Handler
	mu       *sync.Mutex
	statuses map[string]int
}

func newRecorder() recorder {
	warnings := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})
	return recorder{warnings, &sync.Mutex{}, map[string]int{}}
}

func (recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r recorder) Handle(ctx context.Context, record slog.Record) error {
	operation, status := "", 0
	record.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "operation":
			operation = a.Value.String()
		case "status":
			status = int(a.Value.Int64())
		}
		return true
	})
	if operation != "" && status != 0 {
		r.mu.Lock()
		r.statuses[operation] = status
		r.mu.Unlock()
	}
	if record.Level < slog.LevelWarn {
		return nil
	}
	return r.Handler.Handle(ctx, record)
}

// last is the status that the operation was last answered with; 0: never.
func (r recorder) last(operation string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statuses[operation]
}

// operation is one of azbatch's: where it goes, the status that the REST
// reference gives it, and a call of it.
type operation struct {
	name, route string
	status      int
	call        func(*scene) error
}

// scene is what the calls are made on, one after the other.
type scene struct {
	*world
	node, second string
}

func answered[T any](_ T, err error) error { return err }

func listed[T any](pager *runtime.Pager[T]) error { return answered(pager.NextPage(ctx)) }

// operations are in an order in which each finds what it needs.
var operations = []operation{
	{"CreatePool", "POST /pools", 201, func(s *scene) error {
		err := answered(s.CreatePool(ctx, poolContent("pool", 2), nil))
		s.steady("pool")
		nodes := s.idle("pool", 2)
		s.node, s.second = nodes[0], nodes[1]
		return err
	}},
	{"ListPools", "GET /pools", 200, func(s *scene) error { return listed(s.NewListPoolsPager(nil)) }},
	{"GetPool", "GET /pools/{pool}", 200, func(s *scene) error { return answered(s.GetPool(ctx, "pool", nil)) }},
	{"PoolExists", "GET /pools/{pool}", 200, func(s *scene) error { return answered(s.PoolExists(ctx, "pool", nil)) }},
	{"UpdatePool", "PATCH /pools/{pool}", 200, func(s *scene) error {
		return answered(s.UpdatePool(ctx, "pool", azbatch.UpdatePoolContent{Metadata: []azbatch.MetadataItem{}}, nil))
	}},
	{"ReplacePoolProperties", "POST /pools/{pool}/updateproperties", 204, func(s *scene) error {
		return answered(s.ReplacePoolProperties(ctx, "pool", azbatch.ReplacePoolContent{
			ApplicationPackageReferences: []azbatch.ApplicationPackageReference{}, CertificateReferences: []azbatch.CertificateReference{},
			Metadata: []azbatch.MetadataItem{},
		}, nil))
	}},
	{"EnablePoolAutoScale", "POST /pools/{pool}/enableautoscale", 200, func(s *scene) error {
		return answered(s.EnablePoolAutoScale(ctx, "pool", azbatch.EnablePoolAutoScaleContent{AutoScaleFormula: to.Ptr("$TargetDedicatedNodes=2;")}, nil))
	}},
	{"EvaluatePoolAutoScale", "POST /pools/{pool}/evaluateautoscale", 200, func(s *scene) error {
		s.steady("pool")
		return answered(s.EvaluatePoolAutoScale(ctx, "pool", azbatch.EvaluatePoolAutoScaleContent{AutoScaleFormula: to.Ptr("$TargetDedicatedNodes=3;")}, nil))
	}},
	{"DisablePoolAutoScale", "POST /pools/{pool}/disableautoscale", 200, func(s *scene) error {
		return answered(s.DisablePoolAutoScale(ctx, "pool", nil))
	}},
	{"ListPoolNodeCounts", "GET /nodecounts", 200, func(s *scene) error { return listed(s.NewListPoolNodeCountsPager(nil)) }},
	{"ListSupportedImages", "GET /supportedimages", 200, func(s *scene) error { return listed(s.NewListSupportedImagesPager(nil)) }},
	{"ListApplications", "GET /applications", 200, func(s *scene) error { return listed(s.NewListApplicationsPager(nil)) }},
	{"GetApplication", "GET /applications/{application}", 404, func(s *scene) error { return answered(s.GetApplication(ctx, "none", nil)) }},

	{"ListNodes", "GET /pools/{pool}/nodes", 200, func(s *scene) error { return listed(s.NewListNodesPager("pool", nil)) }},
	{"GetNode", "GET /pools/{pool}/nodes/{node}", 200, func(s *scene) error { return answered(s.GetNode(ctx, "pool", s.node, nil)) }},
	{"DisableNodeScheduling", "POST /pools/{pool}/nodes/{node}/disablescheduling", 200, func(s *scene) error {
		return answered(s.DisableNodeScheduling(ctx, "pool", s.second, nil))
	}},
	{"EnableNodeScheduling", "POST /pools/{pool}/nodes/{node}/enablescheduling", 200, func(s *scene) error {
		return answered(s.EnableNodeScheduling(ctx, "pool", s.second, nil))
	}},
	{"ListNodeExtensions", "GET /pools/{pool}/nodes/{node}/extensions", 200, func(s *scene) error {
		return listed(s.NewListNodeExtensionsPager("pool", s.node, nil))
	}},
	{"GetNodeExtension", "GET /pools/{pool}/nodes/{node}/extensions/{extension}", 404, func(s *scene) error {
		return answered(s.GetNodeExtension(ctx, "pool", s.node, "none", nil))
	}},
	{"GetNodeRemoteLoginSettings", "GET /pools/{pool}/nodes/{node}/remoteloginsettings", 409, func(s *scene) error {
		return answered(s.GetNodeRemoteLoginSettings(ctx, "pool", s.node, nil))
	}},
	{"CreateNodeUser", "POST /pools/{pool}/nodes/{node}/users", 409, func(s *scene) error {
		return answered(s.CreateNodeUser(ctx, "pool", s.node, azbatch.CreateNodeUserContent{Name: to.Ptr("someone"), Password: to.Ptr("a password")}, nil))
	}},
	{"ReplaceNodeUser", "PUT /pools/{pool}/nodes/{node}/users/{user}", 404, func(s *scene) error {
		return answered(s.ReplaceNodeUser(ctx, "pool", s.node, "someone", azbatch.UpdateNodeUserContent{Password: to.Ptr("another")}, nil))
	}},
	{"DeleteNodeUser", "DELETE /pools/{pool}/nodes/{node}/users/{user}", 404, func(s *scene) error {
		return answered(s.DeleteNodeUser(ctx, "pool", s.node, "someone", nil))
	}},
	{"UploadNodeLogs", "POST /pools/{pool}/nodes/{node}/uploadbatchservicelogs", 200, func(s *scene) error {
		return answered(s.UploadNodeLogs(ctx, "pool", s.node, azbatch.UploadNodeLogsContent{
			ContainerURL: to.Ptr(s.storage() + "/logs?sig=secret"), StartTime: to.Ptr(time.Now().Add(-time.Hour)),
		}, nil))
	}},

	{"CreateJob", "POST /jobs", 201, func(s *scene) error {
		return answered(s.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("job"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}, nil))
	}},
	{"ListJobs", "GET /jobs", 200, func(s *scene) error { return listed(s.NewListJobsPager(nil)) }},
	{"GetJob", "GET /jobs/{job}", 200, func(s *scene) error { return answered(s.GetJob(ctx, "job", nil)) }},
	{"UpdateJob", "PATCH /jobs/{job}", 200, func(s *scene) error {
		return answered(s.UpdateJob(ctx, "job", azbatch.UpdateJobContent{Priority: to.Ptr[int32](1)}, nil))
	}},
	{"ReplaceJob", "PUT /jobs/{job}", 200, func(s *scene) error {
		return answered(s.ReplaceJob(ctx, "job", azbatch.Job{PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}, nil))
	}},
	{"GetJobTaskCounts", "GET /jobs/{job}/taskcounts", 200, func(s *scene) error { return answered(s.GetJobTaskCounts(ctx, "job", nil)) }},
	{"DisableJob", "POST /jobs/{job}/disable", 202, func(s *scene) error {
		err := answered(s.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: to.Ptr(azbatch.DisableJobOptionRequeue)}, nil))
		s.jobState("job", azbatch.JobStateDisabled)
		return err
	}},
	{"EnableJob", "POST /jobs/{job}/enable", 202, func(s *scene) error {
		err := answered(s.EnableJob(ctx, "job", nil))
		s.jobState("job", azbatch.JobStateActive)
		return err
	}},
	{"ListJobPreparationAndReleaseTaskStatus", "GET /jobs/{job}/jobpreparationandreleasetaskstatus", 200, func(s *scene) error {
		s.job("prepared", "pool", func(c *azbatch.CreateJobContent) {
			c.JobPreparationTask = &azbatch.JobPreparationTask{CommandLine: to.Ptr("true")}
		})
		return listed(s.NewListJobPreparationAndReleaseTaskStatusPager("prepared", nil))
	}},

	{"CreateTask", "POST /jobs/{job}/tasks", 201, func(s *scene) error {
		return answered(s.CreateTask(ctx, "job", taskContent("fails", "false"), nil))
	}},
	{"CreateTaskCollection", "POST /jobs/{job}/addtaskcollection", 200, func(s *scene) error {
		return answered(s.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: []azbatch.CreateTaskContent{taskContent("sleeps", "sleep 1000")}}, nil))
	}},
	{"ListTasks", "GET /jobs/{job}/tasks", 200, func(s *scene) error { return listed(s.NewListTasksPager("job", nil)) }},
	{"GetTask", "GET /jobs/{job}/tasks/{task}", 200, func(s *scene) error { return answered(s.GetTask(ctx, "job", "fails", nil)) }},
	{"ReplaceTask", "PUT /jobs/{job}/tasks/{task}", 200, func(s *scene) error {
		return answered(s.ReplaceTask(ctx, "job", "sleeps", azbatch.Task{Constraints: &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr[int32](1)}}, nil))
	}},
	{"TerminateTask", "POST /jobs/{job}/tasks/{task}/terminate", 204, func(s *scene) error {
		s.until("sleeps", azbatch.TaskStateRunning)
		return answered(s.TerminateTask(ctx, "job", "sleeps", nil))
	}},
	{"ReactivateTask", "POST /jobs/{job}/tasks/{task}/reactivate", 204, func(s *scene) error {
		s.completed("fails")
		return answered(s.ReactivateTask(ctx, "job", "fails", nil))
	}},
	{"ListSubTasks", "GET /jobs/{job}/tasks/{task}/subtasksinfo", 200, func(s *scene) error {
		return listed(s.NewListSubTasksPager("job", "fails", nil))
	}},
	{"ListTaskFiles", "GET /jobs/{job}/tasks/{task}/files", 200, func(s *scene) error {
		s.completed("fails")
		return listed(s.NewListTaskFilesPager("job", "fails", nil))
	}},
	{"GetTaskFile", "GET /jobs/{job}/tasks/{task}/files/{file...}", 200, func(s *scene) error {
		answer, err := s.GetTaskFile(ctx, "job", "fails", "stdout.txt", nil)
		return s.read(answer.Body, err)
	}},
	{"GetTaskFileProperties", "GET /jobs/{job}/tasks/{task}/files/{file...}", 200, func(s *scene) error {
		return answered(s.GetTaskFileProperties(ctx, "job", "fails", "stdout.txt", nil))
	}},
	{"DeleteTaskFile", "DELETE /jobs/{job}/tasks/{task}/files/{file...}", 200, func(s *scene) error {
		return answered(s.DeleteTaskFile(ctx, "job", "fails", "stderr.txt", nil))
	}},
	{"ListNodeFiles", "GET /pools/{pool}/nodes/{node}/files", 200, func(s *scene) error {
		s.node = *s.task("fails").NodeInfo.NodeID
		return listed(s.NewListNodeFilesPager("pool", s.node, nil))
	}},
	{"GetNodeFile", "GET /pools/{pool}/nodes/{node}/files/{file...}", 200, func(s *scene) error {
		answer, err := s.GetNodeFile(ctx, "pool", s.node, "workitems/job/job-1/fails/stdout.txt", nil)
		return s.read(answer.Body, err)
	}},
	{"GetNodeFileProperties", "GET /pools/{pool}/nodes/{node}/files/{file...}", 200, func(s *scene) error {
		return answered(s.GetNodeFileProperties(ctx, "pool", s.node, "workitems/job/job-1/fails/stdout.txt", nil))
	}},
	{"DeleteNodeFile", "DELETE /pools/{pool}/nodes/{node}/files/{file...}", 200, func(s *scene) error {
		return answered(s.DeleteNodeFile(ctx, "pool", s.node, "workitems/job/job-1/fails/stdout.txt", nil))
	}},
	{"DeleteTask", "DELETE /jobs/{job}/tasks/{task}", 200, func(s *scene) error { return answered(s.DeleteTask(ctx, "job", "fails", nil)) }},
	{"TerminateJob", "POST /jobs/{job}/terminate", 202, func(s *scene) error {
		err := answered(s.TerminateJob(ctx, "job", nil))
		s.jobState("job", azbatch.JobStateCompleted)
		return err
	}},
	{"DeleteJob", "DELETE /jobs/{job}", 202, func(s *scene) error { return answered(s.DeleteJob(ctx, "job", nil)) }},

	{"CreateJobSchedule", "POST /jobschedules", 201, func(s *scene) error {
		return answered(s.CreateJobSchedule(ctx, azbatch.CreateJobScheduleContent{
			ID: to.Ptr("schedule"), Schedule: &azbatch.JobScheduleConfiguration{RecurrenceInterval: to.Ptr("PT1H")},
			JobSpecification: &azbatch.JobSpecification{PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}},
		}, nil))
	}},
	{"ListJobSchedules", "GET /jobschedules", 200, func(s *scene) error { return listed(s.NewListJobSchedulesPager(nil)) }},
	{"GetJobSchedule", "GET /jobschedules/{schedule}", 200, func(s *scene) error { return answered(s.GetJobSchedule(ctx, "schedule", nil)) }},
	{"JobScheduleExists", "GET /jobschedules/{schedule}", 200, func(s *scene) error { return answered(s.JobScheduleExists(ctx, "schedule", nil)) }},
	{"ListJobsFromSchedule", "GET /jobschedules/{schedule}/jobs", 200, func(s *scene) error {
		return listed(s.NewListJobsFromSchedulePager("schedule", nil))
	}},
	{"UpdateJobSchedule", "PATCH /jobschedules/{schedule}", 200, func(s *scene) error {
		return answered(s.UpdateJobSchedule(ctx, "schedule", azbatch.UpdateJobScheduleContent{Metadata: []azbatch.MetadataItem{}}, nil))
	}},
	{"ReplaceJobSchedule", "PUT /jobschedules/{schedule}", 200, func(s *scene) error {
		return answered(s.ReplaceJobSchedule(ctx, "schedule", azbatch.JobSchedule{
			JobSpecification: &azbatch.JobSpecification{PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}},
		}, nil))
	}},
	{"DisableJobSchedule", "POST /jobschedules/{schedule}/disable", 204, func(s *scene) error { return answered(s.DisableJobSchedule(ctx, "schedule", nil)) }},
	{"EnableJobSchedule", "POST /jobschedules/{schedule}/enable", 204, func(s *scene) error { return answered(s.EnableJobSchedule(ctx, "schedule", nil)) }},
	{"TerminateJobSchedule", "POST /jobschedules/{schedule}/terminate", 202, func(s *scene) error {
		return answered(s.TerminateJobSchedule(ctx, "schedule", nil))
	}},
	{"DeleteJobSchedule", "DELETE /jobschedules/{schedule}", 202, func(s *scene) error { return answered(s.DeleteJobSchedule(ctx, "schedule", nil)) }},

	{"CreateCertificate", "POST /certificates", 201, func(s *scene) error {
		return answered(s.CreateCertificate(ctx, newCertificate().content(), nil))
	}},
	{"ListCertificates", "GET /certificates", 200, func(s *scene) error { return listed(s.NewListCertificatesPager(nil)) }},
	{"GetCertificate", "GET /certificates({certificate})", 200, func(s *scene) error {
		return answered(s.GetCertificate(ctx, "sha1", newCertificate().thumbprint(), nil))
	}},
	{"CancelCertificateDeletion", "POST /certificates({certificate})/canceldelete", 409, func(s *scene) error {
		return answered(s.CancelCertificateDeletion(ctx, "sha1", newCertificate().thumbprint(), nil))
	}},
	{"DeleteCertificate", "DELETE /certificates({certificate})", 202, func(s *scene) error {
		return answered(s.DeleteCertificate(ctx, "sha1", newCertificate().thumbprint(), nil))
	}},

	{"ReimageNode", "POST /pools/{pool}/nodes/{node}/reimage", 409, func(s *scene) error { return answered(s.ReimageNode(ctx, "pool", s.node, nil)) }},
	{"RebootNode", "POST /pools/{pool}/nodes/{node}/reboot", 202, func(s *scene) error {
		err := answered(s.RebootNode(ctx, "pool", s.node, nil))
		s.idle("pool", 2)
		return err
	}},
	{"DeallocateNode", "POST /pools/{pool}/nodes/{node}/deallocate", 202, func(s *scene) error {
		return answered(s.DeallocateNode(ctx, "pool", s.node, nil))
	}},
	{"StartNode", "POST /pools/{pool}/nodes/{node}/start", 202, func(s *scene) error {
		s.idle("pool", 1) // the other one
		eventually(s.t, "the node is deallocated", func() bool {
			node, err := s.GetNode(ctx, "pool", s.node, nil)
			require.NoError(s.t, err)
			return *node.State == azbatch.NodeStateDeallocated
		})
		err := answered(s.StartNode(ctx, "pool", s.node, nil))
		s.idle("pool", 2)
		return err
	}},
	{"RemoveNodes", "POST /pools/{pool}/removenodes", 202, func(s *scene) error {
		s.steady("pool")
		err := answered(s.RemoveNodes(ctx, "pool", azbatch.RemoveNodeContent{NodeList: []string{s.node}}, nil))
		s.steady("pool")
		return err
	}},
	{"ResizePool", "POST /pools/{pool}/resize", 202, func(s *scene) error {
		s.job("last", "pool")
		_, err := s.CreateTask(ctx, "last", taskContent("sleeps", "sleep 1000"), nil)
		require.NoError(s.t, err)
		eventually(s.t, "the last node is busy", func() bool { return *s.nodes("pool")[0].State == azbatch.NodeStateRunning })
		return answered(s.ResizePool(ctx, "pool", azbatch.ResizePoolContent{
			TargetDedicatedNodes: to.Ptr[int32](0), NodeDeallocationOption: to.Ptr(azbatch.NodeDeallocationOptionTaskCompletion),
		}, nil))
	}},
	{"StopPoolResize", "POST /pools/{pool}/stopresize", 202, func(s *scene) error { return answered(s.StopPoolResize(ctx, "pool", nil)) }},
	{"DeletePool", "DELETE /pools/{pool}", 202, func(s *scene) error { return answered(s.DeletePool(ctx, "pool", nil)) }},
}

// idle waits until the pool has this many nodes, all of them idle.
func (s *scene) idle(pool string, count int) []string {
	s.t.Helper()
	var ids []string
	eventually(s.t, fmt.Sprint(count, " nodes are idle"), func() bool {
		ids = nil
		for _, n := range s.nodes(pool) {
			if *n.State == azbatch.NodeStateIdle {
				ids = append(ids, *n.ID)
			}
		}
		return len(ids) == count
	})
	return ids
}

// storage is the URL of a storage account that anybody may use.
func (s *scene) storage() string {
	server := httptest.NewServer(&blobs{blobs: map[string]string{}})
	s.t.Cleanup(server.Close)
	return server.URL
}

// read reads a file's answer to its end.
func (s *scene) read(body io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return errors.Join(err, body.Close())
}

// called is a method's operation: a pager's method is NewList...Pager.
func called(method string) string {
	return strings.TrimSuffix(strings.TrimPrefix(method, "New"), "Pager")
}

// TestEveryOperation calls every method of azbatch's client and holds the
// answers against the statuses of the REST reference.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	log := newRecorder()
	s := &scene{world: start(t, func(o *localbatch.Options) { o.Logger = slog.New(log) })}
	patterns := map[string]string{}
	for _, o := range localbatch.Operations() {
		patterns[o.Name], patterns[o.Head] = o.Pattern, o.Pattern
	}
	for _, o := range operations {
		err := o.call(s)
		require.Equal(t, o.status, log.last(o.name), "%s: %v", o.name, err)
		require.Equal(t, o.status >= 300, err != nil, "%s: %v", o.name, err)
		require.Equal(t, o.route, patterns[o.name], o.name)
	}
	client := reflect.TypeFor[*azbatch.Client]()
	for i := range client.NumMethod() {
		name := called(client.Method(i).Name)
		require.NotZero(t, log.last(name), "no test calls %s", name)
	}
}
