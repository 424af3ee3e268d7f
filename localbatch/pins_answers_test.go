package localbatch_test

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

const jsonBody = "application/json; odata=minimalmetadata; charset=utf-8"

// answerPins are requests that succeed: one for each form that an answer has.
var answerPins = []pin{
	{name: "pool-create", request: sends(http.MethodPost, "/pools", `{"id":"New",`+newPool+`,"targetDedicatedNodes":0,"startTask":{"commandLine":"true"},"metadata":[{"name":"a","value":"b"}]}`,
		"Content-Type", jsonBody, "client-request-id", "9c4d50ee-2d56-4cd3-8152-34347dc9f2b0", "return-client-request-id", "true")},
	{name: "pool-get", prepare: func(s *stage) { s.steady("New") }, request: reads("/pools/new")},
	{name: "pool-get-select", request: reads("/pools/pool", "$select=id,state,allocationState,currentDedicatedNodes", latest)},
	{name: "pool-exists", request: sends(http.MethodHead, "/pools/pool", "")},
	{name: "pool-list", request: reads("/pools", "$filter=startswith(id,'p')+and+state+eq+'Active'", "$select=id,vmSize", latest)},
	{name: "pool-patch", request: sends(http.MethodPatch, "/pools/new", `{"metadata":[]}`, "If-Match", "*")},
	{name: "pool-updateproperties", request: posts("/pools/new/updateproperties", `{"applicationPackageReferences":[],"certificateReferences":[],"metadata":[]}`)},
	{name: "pool-resize", request: posts("/pools/new/resize", `{"targetDedicatedNodes":0}`)},
	{name: "pool-delete", prepare: func(s *stage) { s.steady("New") }, request: sends(http.MethodDelete, "/pools/new", "")},
	{name: "nodecounts", request: reads("/nodecounts", "$filter=poolId+eq+'pool'", latest)},
	{name: "node-get", request: reads(nodePath)},
	{name: "node-disablescheduling", request: posts(nodePath+"/disablescheduling", "")},
	{name: "node-enablescheduling", request: posts(nodePath+"/enablescheduling", "")},
	{name: "node-list", request: reads("/pools/pool/nodes", "$select=id,schedulingState,isDedicated", latest)},
	{name: "applications", request: reads("/applications")},
	{name: "supportedimages", request: reads("/supportedimages", "$filter=nodeAgentSKUId+eq+'batch.node.debian+12'", latest)},

	{name: "job-create", request: posts("/jobs", `{"id":"new","poolInfo":{"poolId":"empty"}}`)},
	{name: "job-get", request: reads("/jobs/new")},
	{name: "job-list", request: reads("/jobs", "$filter=state+eq+'completed'", latest)},
	{name: "job-patch", request: sends(http.MethodPatch, "/jobs/new", `{"priority":3}`)},
	{name: "job-disable", request: posts("/jobs/new/disable", `{"disableTasks":"requeue"}`)},
	{name: "job-enable", prepare: settled("new"), request: posts("/jobs/new/enable", "")},
	{name: "job-taskcounts", request: reads("/jobs/job/taskcounts")},
	{name: "job-terminate", prepare: settled("new"), request: posts("/jobs/new/terminate", `{"terminateReason":"done here"}`)},
	{name: "job-delete", prepare: settled("new"), request: sends(http.MethodDelete, "/jobs/new", "")},

	{name: "task-add", request: posts("/jobs/waiting/tasks", `{"id":"one","commandLine":"true"}`)},
	{name: "task-addcollection", request: posts("/jobs/waiting/addtaskcollection",
		`{"value":[{"id":"two","commandLine":"true"},{"id":"ONE","commandLine":"true"},{"id":"three"}]}`)},
	{name: "task-get-active", request: reads("/jobs/waiting/tasks/one")},
	{name: "task-get-failed", request: reads("/jobs/job/tasks/bad")},
	{name: "task-list-page", request: reads("/jobs/waiting/tasks", "$filter=state+eq+'active'", "$select=id", latest, "maxresults=2")},
	{name: "task-list-lastpage", request: reads("/jobs/waiting/tasks", "$filter=state+eq+'active'", "$select=id", "$skiptoken=b25l", latest, "maxresults=2")},
	{name: "task-update", request: sends(http.MethodPut, "/jobs/waiting/tasks/one", `{"constraints":{"maxTaskRetryCount":1}}`)},
	{name: "task-terminate", request: posts("/jobs/waiting/tasks/one/terminate", "")},
	{name: "task-reactivate", request: posts("/jobs/waiting/tasks/one/reactivate", "")},
	{name: "task-delete", request: sends(http.MethodDelete, "/jobs/waiting/tasks/one", "")},
	{name: "task-subtasks", request: reads(goodTask + "/subtasksinfo")},

	{name: "file-list", request: reads(goodTask+"/files", latest, "recursive=true")},
	{name: "file-get", request: reads(goodTask + "/files/wd%2Fdir%2Fa%20file")},
	{name: "file-get-range", request: sends(http.MethodGet, goodTask+"/files/stdout.txt", "", "ocp-range", "bytes=2-5")},
	{name: "file-properties", request: sends(http.MethodHead, goodTask+"/files/stdout.txt", "")},
	{name: "file-properties-directory", request: sends(http.MethodHead, goodTask+"/files/wd%2Fdir", "")},
	{name: "file-delete", request: sends(http.MethodDelete, goodTask+"/files/wd%2Fdir", "").with("recursive=true")},
}

// with adds a parameter to the query, which comes after api-version by its name.
func (q rawRequest) with(parameter string) rawRequest {
	q.query += "&" + parameter
	return q
}

// settled waits until a job is in one of the states that it does not leave by itself.
func settled(job string) func(*stage) {
	return func(s *stage) {
		eventually(s.t, "the job is settled", func() bool {
			answer, err := s.GetJob(ctx, job, nil)
			require.NoError(s.t, err)
			state := *answer.State
			return state == azbatch.JobStateActive || state == azbatch.JobStateDisabled || state == azbatch.JobStateCompleted
		})
	}
}
