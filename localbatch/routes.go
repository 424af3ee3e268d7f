package localbatch

import (
	"net/http"
	"strings"
)

// route is one operation: a pattern of http.ServeMux and what answers it.
type route struct {
	pattern    string
	handle     handler
	parameters []string // of the query, beside those that every operation takes
	head       bool     // HEAD is answered as well
	open       bool     // the query is not checked: there is no operation anyway
}

var (
	listParameters  = []string{"$filter", "$select", "maxresults", "$skiptoken"}
	oneParameters   = []string{"$select"}
	filesParameters = []string{"$filter", "recursive", "maxresults", "$skiptoken"}
	countParameters = []string{"$filter", "maxresults", "$skiptoken"}
)

func (s *Service) operations() []route {
	return []route{
		{pattern: "POST /pools", handle: s.createPool},
		{pattern: "GET /pools", handle: s.listPools, parameters: listParameters},
		{pattern: "GET /pools/{pool}", handle: s.getPool, parameters: oneParameters, head: true},
		{pattern: "DELETE /pools/{pool}", handle: s.deletePool},
		{pattern: "PATCH /pools/{pool}", handle: s.patchPool},
		{pattern: "POST /pools/{pool}/updateproperties", handle: s.replacePoolProperties},
		{pattern: "POST /pools/{pool}/resize", handle: s.resizePool},
		{pattern: "POST /pools/{pool}/stopresize", handle: s.stopResize},
		{pattern: "POST /pools/{pool}/removenodes", handle: s.removeNodes},
		{pattern: "GET /nodecounts", handle: s.nodeCounts, parameters: countParameters},
		{pattern: "GET /supportedimages", handle: s.supportedImages, parameters: countParameters},

		{pattern: "GET /pools/{pool}/nodes", handle: s.listNodes, parameters: listParameters},
		{pattern: "GET /pools/{pool}/nodes/{node}", handle: s.getNode, parameters: oneParameters},
		{pattern: "POST /pools/{pool}/nodes/{node}/disablescheduling", handle: s.disableScheduling},
		{pattern: "POST /pools/{pool}/nodes/{node}/enablescheduling", handle: s.enableScheduling},
		{pattern: "GET /pools/{pool}/nodes/{node}/files", handle: s.listNodeFiles, parameters: filesParameters},
		{pattern: "GET /pools/{pool}/nodes/{node}/files/{file...}", handle: s.getNodeFile, head: true},
		{pattern: "DELETE /pools/{pool}/nodes/{node}/files/{file...}", handle: s.deleteNodeFile, parameters: []string{"recursive"}},

		{pattern: "POST /jobs", handle: s.createJob},
		{pattern: "GET /jobs", handle: s.listJobs, parameters: listParameters},
		{pattern: "GET /jobs/{job}", handle: s.getJob, parameters: oneParameters},
		{pattern: "PATCH /jobs/{job}", handle: s.patchJob},
		{pattern: "PUT /jobs/{job}", handle: s.putJob},
		{pattern: "DELETE /jobs/{job}", handle: s.deleteJob, parameters: []string{"force"}},
		{pattern: "POST /jobs/{job}/terminate", handle: s.terminateJob, parameters: []string{"force"}},
		{pattern: "POST /jobs/{job}/disable", handle: s.disableJob},
		{pattern: "POST /jobs/{job}/enable", handle: s.enableJob},
		{pattern: "GET /jobs/{job}/taskcounts", handle: s.taskCounts},
		{pattern: "GET /jobs/{job}/jobpreparationandreleasetaskstatus", handle: s.preparationStatus, parameters: listParameters},

		{pattern: "POST /jobs/{job}/tasks", handle: s.addTask},
		{pattern: "POST /jobs/{job}/addtaskcollection", handle: s.addTasks},
		{pattern: "GET /jobs/{job}/tasks", handle: s.listTasks, parameters: listParameters},
		{pattern: "GET /jobs/{job}/tasks/{task}", handle: s.getTask, parameters: oneParameters},
		{pattern: "PUT /jobs/{job}/tasks/{task}", handle: s.putTask},
		{pattern: "DELETE /jobs/{job}/tasks/{task}", handle: s.deleteTask},
		{pattern: "POST /jobs/{job}/tasks/{task}/terminate", handle: s.terminateTask},
		{pattern: "POST /jobs/{job}/tasks/{task}/reactivate", handle: s.reactivateTask},
		{pattern: "GET /jobs/{job}/tasks/{task}/subtasksinfo", handle: s.listSubtasks, parameters: oneParameters},
		{pattern: "GET /jobs/{job}/tasks/{task}/files", handle: s.listTaskFiles, parameters: filesParameters},
		{pattern: "GET /jobs/{job}/tasks/{task}/files/{file...}", handle: s.getTaskFile, head: true},
		{pattern: "DELETE /jobs/{job}/tasks/{task}/files/{file...}", handle: s.deleteTaskFile, parameters: []string{"recursive"}},
	}
}

// notOffered are the operations of Batch that this service answers with
// UnsupportedOperation, and what they are for.
var notOffered = map[string][]string{
	"autoscale": {
		"POST /pools/{pool}/enableautoscale", "POST /pools/{pool}/disableautoscale", "POST /pools/{pool}/evaluateautoscale",
	},
	"rebooting and deallocating nodes": {
		"POST /pools/{pool}/nodes/{node}/reboot", "POST /pools/{pool}/nodes/{node}/reimage",
		"POST /pools/{pool}/nodes/{node}/deallocate", "POST /pools/{pool}/nodes/{node}/start",
	},
	"logging in to nodes": {
		"GET /pools/{pool}/nodes/{node}/remoteloginsettings", "GET /pools/{pool}/nodes/{node}/rdp",
		"POST /pools/{pool}/nodes/{node}/users",
		"PUT /pools/{pool}/nodes/{node}/users/{user}", "DELETE /pools/{pool}/nodes/{node}/users/{user}",
	},
	"node logs and extensions": {
		"POST /pools/{pool}/nodes/{node}/uploadbatchservicelogs",
		"GET /pools/{pool}/nodes/{node}/extensions", "GET /pools/{pool}/nodes/{node}/extensions/{extension}",
	},
	"applications": {"GET /applications", "GET /applications/{application}"},
	"certificates": {
		"POST /certificates", "GET /certificates", "GET /certificates/{certificate...}",
	},
	"job schedules": {
		"POST /jobschedules", "GET /jobschedules", "GET /jobschedules/{schedule}", "PATCH /jobschedules/{schedule}",
		"PUT /jobschedules/{schedule}", "DELETE /jobschedules/{schedule}",
		"POST /jobschedules/{schedule}/disable", "POST /jobschedules/{schedule}/enable",
		"POST /jobschedules/{schedule}/terminate", "GET /jobschedules/{schedule}/jobs",
	},
	"usage statistics": {"GET /lifetimejobstats", "GET /lifetimepoolstats", "GET /poolusagemetrics"},
}

func (s *Service) routes() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.operations() {
		mux.Handle(rt.pattern, s.adapt(rt))
	}
	for what, patterns := range notOffered {
		for _, pattern := range patterns {
			mux.Handle(pattern, s.adapt(route{pattern: pattern, open: true, head: true,
				handle: func(*http.Request) (reply, error) { return reply{}, unsupportedOperation(what) }}))
		}
	}
	// Certificates are named in parentheses: /certificates(thumbprintAlgorithm=...).
	mux.Handle("/", s.adapt(route{pattern: "/", open: true, head: true, handle: func(r *http.Request) (reply, error) {
		if strings.HasPrefix(r.URL.Path, "/certificates(") {
			return reply{}, unsupportedOperation("certificates")
		}
		return reply{}, unknownRoute(mux, r)
	}}))
	return s.guard(mux)
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
