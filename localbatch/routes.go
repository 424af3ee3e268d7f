package localbatch

import (
	"net/http"
	"slices"
	"strings"
)

// route is one operation, or two: a pattern of http.ServeMux and what answers it.
type route struct {
	name       string // of the operation, as azbatch's client has it; a list is without New and Pager
	head       string // of the operation that HEAD is on a GET pattern; empty: HEAD is refused
	pattern    string
	handle     handler
	parameters []string // of the query, beside those that every operation takes
	since      string   // the first of apiVersions that has the operation; empty: all have it
	until      string   // the last one
	open       bool     // the query is not checked: there is no operation anyway
}

// noOperation is the name of what is none of Batch's operations.
const noOperation = "none"

// operation is the name of the operation that a request with this method is.
func (rt route) operation(method string) string {
	if method == http.MethodHead {
		return rt.head
	}
	return rt.name
}

var (
	listParameters       = []string{"$filter", "$select", "maxresults", "$skiptoken"}
	oneParameters        = []string{"$select"}
	filesParameters      = []string{"$filter", "recursive", "maxresults", "$skiptoken"}
	countParameters      = []string{"$filter", "maxresults", "$skiptoken"}
	pageParameters       = []string{"maxresults", "$skiptoken"}
	extensionsParameters = []string{"$select", "maxresults", "$skiptoken"}
)

func (s *Service) operations() []route {
	return []route{
		{name: "CreatePool", pattern: "POST /pools", handle: s.createPool},
		{name: "ListPools", pattern: "GET /pools", handle: s.listPools, parameters: listWithStats},
		{name: "GetPool", head: "PoolExists", pattern: "GET /pools/{pool}", handle: s.getPool, parameters: oneWithStats},
		{name: "DeletePool", pattern: "DELETE /pools/{pool}", handle: s.deletePool},
		{name: "UpdatePool", pattern: "PATCH /pools/{pool}", handle: s.patchPool},
		{name: "ReplacePoolProperties", pattern: "POST /pools/{pool}/updateproperties", handle: s.replacePoolProperties},
		{name: "ResizePool", pattern: "POST /pools/{pool}/resize", handle: s.resizePool},
		{name: "StopPoolResize", pattern: "POST /pools/{pool}/stopresize", handle: s.stopResize},
		{name: "EnablePoolAutoScale", pattern: "POST /pools/{pool}/enableautoscale", handle: s.enableAutoScale},
		{name: "DisablePoolAutoScale", pattern: "POST /pools/{pool}/disableautoscale", handle: s.disableAutoScale},
		{name: "EvaluatePoolAutoScale", pattern: "POST /pools/{pool}/evaluateautoscale", handle: s.evaluateAutoScale},
		{name: "RemoveNodes", pattern: "POST /pools/{pool}/removenodes", handle: s.removeNodes},
		{name: "ListApplications", pattern: "GET /applications", handle: s.listApplications, parameters: pageParameters},
		{name: "GetApplication", pattern: "GET /applications/{application}", handle: s.getApplication},
		{name: "CreateCertificate", pattern: "POST /certificates", handle: s.createCertificate},
		{name: "ListCertificates", pattern: "GET /certificates", handle: s.listCertificates, parameters: listParameters},
		{name: "GetCertificate", pattern: "GET " + certificatePattern, handle: s.getCertificate, parameters: oneParameters},
		{name: "DeleteCertificate", pattern: "DELETE " + certificatePattern, handle: s.deleteCertificate},
		{name: "CancelCertificateDeletion", pattern: "POST " + certificatePattern + "/canceldelete", handle: s.cancelCertificateDeletion},
		{name: "ListPoolNodeCounts", pattern: "GET /nodecounts", handle: s.nodeCounts, parameters: countParameters},
		{name: "ListSupportedImages", pattern: "GET /supportedimages", handle: s.supportedImages, parameters: countParameters},

		{name: "ListNodes", pattern: "GET /pools/{pool}/nodes", handle: s.listNodes, parameters: listParameters},
		{name: "GetNode", pattern: "GET /pools/{pool}/nodes/{node}", handle: s.getNode, parameters: oneParameters},
		{name: "RebootNode", pattern: "POST /pools/{pool}/nodes/{node}/reboot", handle: s.rebootNode},
		{name: "ReimageNode", pattern: "POST /pools/{pool}/nodes/{node}/reimage", handle: s.reimageNode},
		{name: "DeallocateNode", pattern: "POST /pools/{pool}/nodes/{node}/deallocate", handle: s.deallocateNode, since: "2024-07-01.20.0"},
		{name: "StartNode", pattern: "POST /pools/{pool}/nodes/{node}/start", handle: s.startNode, since: "2024-07-01.20.0"},
		{name: "DisableNodeScheduling", pattern: "POST /pools/{pool}/nodes/{node}/disablescheduling", handle: s.disableScheduling},
		{name: "EnableNodeScheduling", pattern: "POST /pools/{pool}/nodes/{node}/enablescheduling", handle: s.enableScheduling},
		{name: "CreateNodeUser", pattern: "POST /pools/{pool}/nodes/{node}/users", handle: s.createNodeUser},
		{name: "ReplaceNodeUser", pattern: "PUT /pools/{pool}/nodes/{node}/users/{user}", handle: s.refuseNodeUser},
		{name: "DeleteNodeUser", pattern: "DELETE /pools/{pool}/nodes/{node}/users/{user}", handle: s.refuseNodeUser},
		{name: "GetNodeRemoteLoginSettings", pattern: "GET /pools/{pool}/nodes/{node}/remoteloginsettings", handle: s.refuseLogin},
		{name: "GetNodeRemoteDesktop", pattern: "GET /pools/{pool}/nodes/{node}/rdp", handle: s.refuseLogin, until: "2024-02-01.19.0"},
		{name: "UploadNodeLogs", pattern: "POST /pools/{pool}/nodes/{node}/uploadbatchservicelogs", handle: s.uploadNodeLogs},
		{name: "ListNodeExtensions", pattern: "GET /pools/{pool}/nodes/{node}/extensions", handle: s.listNodeExtensions, parameters: extensionsParameters},
		{name: "GetNodeExtension", pattern: "GET /pools/{pool}/nodes/{node}/extensions/{extension}", handle: s.getNodeExtension, parameters: oneParameters},
		{name: "ListNodeFiles", pattern: "GET /pools/{pool}/nodes/{node}/files", handle: s.listNodeFiles, parameters: filesParameters},
		{name: "GetNodeFile", head: "GetNodeFileProperties", pattern: "GET /pools/{pool}/nodes/{node}/files/{file...}", handle: s.getNodeFile},
		{name: "DeleteNodeFile", pattern: "DELETE /pools/{pool}/nodes/{node}/files/{file...}", handle: s.deleteNodeFile, parameters: []string{"recursive"}},

		{name: "CreateJob", pattern: "POST /jobs", handle: s.createJob},
		{name: "ListJobs", pattern: "GET /jobs", handle: s.listJobs, parameters: listWithStats},
		{name: "GetJob", pattern: "GET /jobs/{job}", handle: s.getJob, parameters: oneWithStats},
		{name: "UpdateJob", pattern: "PATCH /jobs/{job}", handle: s.patchJob},
		{name: "ReplaceJob", pattern: "PUT /jobs/{job}", handle: s.putJob},
		{name: "DeleteJob", pattern: "DELETE /jobs/{job}", handle: s.deleteJob, parameters: []string{"force"}},
		{name: "TerminateJob", pattern: "POST /jobs/{job}/terminate", handle: s.terminateJob, parameters: []string{"force"}},
		{name: "DisableJob", pattern: "POST /jobs/{job}/disable", handle: s.disableJob},
		{name: "EnableJob", pattern: "POST /jobs/{job}/enable", handle: s.enableJob},
		{name: "GetJobTaskCounts", pattern: "GET /jobs/{job}/taskcounts", handle: s.taskCounts},
		{name: "ListJobPreparationAndReleaseTaskStatus", pattern: "GET /jobs/{job}/jobpreparationandreleasetaskstatus", handle: s.preparationStatus, parameters: listParameters},

		{name: "GetJobLifetimeStatistics", pattern: "GET /lifetimejobstats", handle: retired, open: true},
		{name: "GetPoolLifetimeStatistics", pattern: "GET /lifetimepoolstats", handle: retired, open: true},
		{name: "ListPoolUsageMetrics", pattern: "GET /poolusagemetrics", handle: retired, open: true},

		{name: "CreateJobSchedule", pattern: "POST /jobschedules", handle: s.createSchedule},
		{name: "ListJobSchedules", pattern: "GET /jobschedules", handle: s.listSchedules, parameters: listWithStats},
		{name: "GetJobSchedule", head: "JobScheduleExists", pattern: "GET /jobschedules/{schedule}", handle: s.getSchedule, parameters: oneWithStats},
		{name: "UpdateJobSchedule", pattern: "PATCH /jobschedules/{schedule}", handle: s.patchSchedule},
		{name: "ReplaceJobSchedule", pattern: "PUT /jobschedules/{schedule}", handle: s.putSchedule},
		{name: "DeleteJobSchedule", pattern: "DELETE /jobschedules/{schedule}", handle: s.deleteSchedule, parameters: []string{"force"}},
		{name: "DisableJobSchedule", pattern: "POST /jobschedules/{schedule}/disable", handle: s.disableSchedule},
		{name: "EnableJobSchedule", pattern: "POST /jobschedules/{schedule}/enable", handle: s.enableSchedule},
		{name: "TerminateJobSchedule", pattern: "POST /jobschedules/{schedule}/terminate", handle: s.terminateSchedule, parameters: []string{"force"}},
		{name: "ListJobsFromSchedule", pattern: "GET /jobschedules/{schedule}/jobs", handle: s.listScheduledJobs, parameters: listWithStats},

		{name: "CreateTask", pattern: "POST /jobs/{job}/tasks", handle: s.addTask},
		{name: "CreateTaskCollection", pattern: "POST /jobs/{job}/addtaskcollection", handle: s.addTasks},
		{name: "ListTasks", pattern: "GET /jobs/{job}/tasks", handle: s.listTasks, parameters: listWithStats},
		{name: "GetTask", pattern: "GET /jobs/{job}/tasks/{task}", handle: s.getTask, parameters: oneWithStats},
		{name: "ReplaceTask", pattern: "PUT /jobs/{job}/tasks/{task}", handle: s.putTask},
		{name: "DeleteTask", pattern: "DELETE /jobs/{job}/tasks/{task}", handle: s.deleteTask},
		{name: "TerminateTask", pattern: "POST /jobs/{job}/tasks/{task}/terminate", handle: s.terminateTask},
		{name: "ReactivateTask", pattern: "POST /jobs/{job}/tasks/{task}/reactivate", handle: s.reactivateTask},
		{name: "ListSubTasks", pattern: "GET /jobs/{job}/tasks/{task}/subtasksinfo", handle: s.listSubtasks, parameters: oneParameters},
		{name: "ListTaskFiles", pattern: "GET /jobs/{job}/tasks/{task}/files", handle: s.listTaskFiles, parameters: filesParameters},
		{name: "GetTaskFile", head: "GetTaskFileProperties", pattern: "GET /jobs/{job}/tasks/{task}/files/{file...}", handle: s.getTaskFile},
		{name: "DeleteTaskFile", pattern: "DELETE /jobs/{job}/tasks/{task}/files/{file...}", handle: s.deleteTaskFile, parameters: []string{"recursive"}},
	}
}

func (s *Service) routes() http.Handler {
	mux := http.NewServeMux()
	certificates := map[string]http.Handler{}
	for _, rt := range slices.Concat(s.operations(), s.faultRoutes()) {
		if strings.Contains(rt.pattern, certificatePattern) {
			certificates[rt.pattern] = s.adapt(rt)
			continue
		}
		mux.Handle(rt.pattern, s.adapt(rt))
	}
	mux.Handle("/", s.adapt(route{head: noOperation, name: noOperation, pattern: "/", open: true, handle: func(r *http.Request) (reply, error) {
		return reply{}, unknownRoute(mux, r)
	}}))
	return s.guard(certificateRoute(certificates, mux))
}

// unknownRoute tells an address that does not exist from one that does not
// take the request's method.
func unknownRoute(mux *http.ServeMux, r *http.Request) *apiError {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" {
			return wrongVerb()
		}
	}
	e := notFound("Resource")
	return e.because("no operation of Batch has this address")
}
