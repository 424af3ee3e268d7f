package localbatch_test

import (
	"fmt"
	"net/http"
	"strings"
)

// walkCall is an operation as the random walk calls it. Words in braces stand
// for what a walker picks: see walker.fill.
type walkCall struct {
	operation, method, path string
	query                   []string // one of them, or none
	bodies                  []string // one of them
	times                   int      // how often it is in the bag; 0: once
}

const (
	walkPool = `{"id":"{pool}","vmSize":"standard_d2_v3","taskSlotsPerNode":{one},"targetDedicatedNodes":{few},"targetLowPriorityNodes":{bit},` +
		`"virtualMachineConfiguration":{"imageReference":{"publisher":"canonical","offer":"ubuntu-24_04-lts","sku":"server"},"nodeAgentSKUId":"batch.node.ubuntu 24.04"}`
	walkScaled = `{"id":"{pool}","vmSize":"standard_d2_v3","enableAutoScale":true,"autoScaleFormula":"$TargetDedicatedNodes={few};",` +
		`"virtualMachineConfiguration":{"imageReference":{"publisher":"canonical","offer":"ubuntu-24_04-lts","sku":"server"},"nodeAgentSKUId":"batch.node.ubuntu 24.04"}}`
	walkJob  = `{"id":"{job}","poolInfo":{"poolId":"{pool}"}`
	walkTask = `{"id":"{task}","commandLine":"{command}","requiredSlots":{one},"constraints":{"maxTaskRetryCount":{few}}`
)

// walkCalls has every operation. Those that end something come seldom, or
// there would be nothing to end.
var walkCalls = []walkCall{
	{"CreatePool", "POST", "/pools", nil, []string{
		walkPool + "}", walkPool + `,"startTask":{"commandLine":"{quick}","waitForSuccess":{true},"maxTaskRetryCount":1}}`,
		walkPool + `,"taskSchedulingPolicy":{"nodeFillType":"pack"}}`, walkScaled, `{"id":"{pool}"}`, `{`,
	}, 8},
	{"ListPools", "GET", "/pools", []string{"$filter=state eq 'active'", "maxresults=1", "maxresults=0", "$select=id,state", "$filter=id gt 5"}, nil, 1},
	{"GetPool", "GET", "/pools/{pool}", []string{"$expand=stats", "$select=id"}, nil, 1},
	{"PoolExists", "HEAD", "/pools/{pool}", nil, nil, 1},
	{"DeletePool", "DELETE", "/pools/{pool}", nil, nil, 1},
	{"UpdatePool", "PATCH", "/pools/{pool}", nil, []string{`{"metadata":[{"name":"a","value":"b"}]}`, `{"startTask":{"commandLine":"{quick}"}}`, `{"id":"x"}`}, 1},
	{"ReplacePoolProperties", "POST", "/pools/{pool}/updateproperties", nil, []string{`{"metadata":[],"applicationPackageReferences":[],"certificateReferences":[]}`}, 1},
	{"ResizePool", "POST", "/pools/{pool}/resize", nil, []string{
		`{"targetDedicatedNodes":{few},"nodeDeallocationOption":"{option}"}`, `{"targetLowPriorityNodes":{few}}`, `{}`, `{"targetDedicatedNodes":-1}`,
	}, 4},
	{"StopPoolResize", "POST", "/pools/{pool}/stopresize", nil, nil, 2},
	{"EnablePoolAutoScale", "POST", "/pools/{pool}/enableautoscale", nil, []string{`{"autoScaleFormula":"$TargetDedicatedNodes={few};"}`, `{"autoScaleFormula":"$T="}`, `{}`}, 2},
	{"DisablePoolAutoScale", "POST", "/pools/{pool}/disableautoscale", nil, nil, 2},
	{"EvaluatePoolAutoScale", "POST", "/pools/{pool}/evaluateautoscale", nil, []string{`{"autoScaleFormula":"$TargetDedicatedNodes=1/{bit};"}`}, 1},
	{"RemoveNodes", "POST", "/pools/{pool}/removenodes", nil, []string{`{"nodeList":["{node}"],"nodeDeallocationOption":"{option}"}`, `{"nodeList":[]}`}, 2},
	{"ListApplications", "GET", "/applications", nil, nil, 1},
	{"GetApplication", "GET", "/applications/none", nil, nil, 1},
	{"ListPoolNodeCounts", "GET", "/nodecounts", []string{"$filter=poolId eq '{pool}'"}, nil, 1},
	{"ListSupportedImages", "GET", "/supportedimages", []string{"maxresults=2"}, nil, 1},
	{"ListNodes", "GET", "/pools/{pool}/nodes", []string{"$filter=state eq 'idle'"}, nil, 1},
	{"GetNode", "GET", "/pools/{pool}/nodes/{node}", nil, nil, 1},
	{"RebootNode", "POST", "/pools/{pool}/nodes/{node}/reboot", nil, []string{"", `{"nodeRebootOption":"{option}"}`}, 3},
	{"ReimageNode", "POST", "/pools/{pool}/nodes/{node}/reimage", nil, []string{"", `{"nodeReimageOption":"{option}"}`}, 1},
	{"DeallocateNode", "POST", "/pools/{pool}/nodes/{node}/deallocate", nil, []string{"", `{"nodeDeallocateOption":"{option}"}`}, 2},
	{"StartNode", "POST", "/pools/{pool}/nodes/{node}/start", nil, nil, 3},
	{"DisableNodeScheduling", "POST", "/pools/{pool}/nodes/{node}/disablescheduling", nil, []string{"", `{"nodeDisableSchedulingOption":"{disabling}"}`}, 2},
	{"EnableNodeScheduling", "POST", "/pools/{pool}/nodes/{node}/enablescheduling", nil, nil, 3},
	{"CreateNodeUser", "POST", "/pools/{pool}/nodes/{node}/users", nil, []string{`{"name":"someone"}`}, 1},
	{"ReplaceNodeUser", "PUT", "/pools/{pool}/nodes/{node}/users/someone", nil, []string{`{}`}, 1},
	{"DeleteNodeUser", "DELETE", "/pools/{pool}/nodes/{node}/users/someone", nil, nil, 1},
	{"GetNodeRemoteLoginSettings", "GET", "/pools/{pool}/nodes/{node}/remoteloginsettings", nil, nil, 1},
	{"GetNodeRemoteDesktop", "GET", "/pools/{pool}/nodes/{node}/rdp", nil, nil, 1},
	{"UploadNodeLogs", "POST", "/pools/{pool}/nodes/{node}/uploadbatchservicelogs", nil, []string{`{}`, `{"containerUrl":"file:///x","startTime":"2020-01-01T00:00:00Z"}`}, 1},
	{"ListNodeExtensions", "GET", "/pools/{pool}/nodes/{node}/extensions", nil, nil, 1},
	{"GetNodeExtension", "GET", "/pools/{pool}/nodes/{node}/extensions/none", nil, nil, 1},
	{"ListNodeFiles", "GET", "/pools/{pool}/nodes/{node}/files", []string{"recursive=true", "recursive=x"}, nil, 1},
	{"GetNodeFile", "GET", "/pools/{pool}/nodes/{node}/files/startup/stdout.txt", nil, nil, 1},
	{"GetNodeFileProperties", "HEAD", "/pools/{pool}/nodes/{node}/files/startup", nil, nil, 1},
	{"DeleteNodeFile", "DELETE", "/pools/{pool}/nodes/{node}/files/startup", []string{"recursive=true"}, nil, 1},

	{"CreateJob", "POST", "/jobs", nil, []string{
		walkJob + "}", walkJob + `,"onAllTasksComplete":"terminatejob"}`, walkJob + `,"usesTaskDependencies":true,"maxParallelTasks":{one}}`,
		walkJob + `,"jobPreparationTask":{"commandLine":"{command}","constraints":{"maxTaskRetryCount":0}},"jobReleaseTask":{"commandLine":"{quick}","maxWallClockTime":"PT1S"}}`,
		walkJob + `,"jobPreparationTask":{"commandLine":"{quick}","waitForSuccess":false},"onAllTasksComplete":"terminatejob"}`,
		walkJob + `,"onTaskFailure":"performexitoptionsjobaction","allowTaskPreemption":true,"priority":{few}}`,
		walkJob + `,"jobManagerTask":{"id":"manager","commandLine":"{quick}","killJobOnCompletion":{true},"runExclusive":{true}}}`,
		walkJob + `,"constraints":{"maxWallClockTime":"PT1S"}}`, `{"id":"{job}"}`,
	}, 10},
	{"ListJobs", "GET", "/jobs", []string{"$filter=state eq 'active'", "maxresults=1"}, nil, 1},
	{"GetJob", "GET", "/jobs/{job}", nil, nil, 1},
	{"UpdateJob", "PATCH", "/jobs/{job}", nil, []string{`{"priority":{few}}`, `{"onAllTasksComplete":"terminatejob"}`, `{"poolInfo":{"poolId":"{pool}"}}`}, 2},
	{"ReplaceJob", "PUT", "/jobs/{job}", nil, []string{`{"poolInfo":{"poolId":"{pool}"},"priority":{few}}`}, 1},
	{"DeleteJob", "DELETE", "/jobs/{job}", []string{"force=true"}, nil, 2},
	{"TerminateJob", "POST", "/jobs/{job}/terminate", []string{"force=true"}, []string{"", `{"terminateReason":"enough"}`}, 1},
	{"DisableJob", "POST", "/jobs/{job}/disable", nil, []string{`{"disableTasks":"requeue"}`, `{"disableTasks":"terminate"}`, `{"disableTasks":"wait"}`, `{}`}, 3},
	{"EnableJob", "POST", "/jobs/{job}/enable", nil, nil, 5},
	{"GetJobTaskCounts", "GET", "/jobs/{job}/taskcounts", nil, nil, 1},
	{"ListJobPreparationAndReleaseTaskStatus", "GET", "/jobs/{job}/jobpreparationandreleasetaskstatus", nil, nil, 1},
	{"GetJobLifetimeStatistics", "GET", "/lifetimejobstats", nil, nil, 1},
	{"GetPoolLifetimeStatistics", "GET", "/lifetimepoolstats", nil, nil, 1},
	{"ListPoolUsageMetrics", "GET", "/poolusagemetrics", nil, nil, 1},

	{"CreateJobSchedule", "POST", "/jobschedules", nil, []string{
		`{"id":"{schedule}","schedule":{},"jobSpecification":{"poolInfo":{"poolId":"{pool}"}}}`,
		`{"id":"{schedule}","schedule":{"recurrenceInterval":"PT1M"},"jobSpecification":{"poolInfo":{"poolId":"{pool}"},"jobManagerTask":{"id":"manager","commandLine":"{quick}"}}}`,
		`{"id":"{schedule}","schedule":{"recurrenceInterval":"PT1S"},"jobSpecification":{}}`,
	}, 3},
	{"ListJobSchedules", "GET", "/jobschedules", nil, nil, 1},
	{"GetJobSchedule", "GET", "/jobschedules/{schedule}", nil, nil, 1},
	{"JobScheduleExists", "HEAD", "/jobschedules/{schedule}", nil, nil, 1},
	{"UpdateJobSchedule", "PATCH", "/jobschedules/{schedule}", nil, []string{`{"metadata":[]}`}, 1},
	{"ReplaceJobSchedule", "PUT", "/jobschedules/{schedule}", nil, []string{`{"schedule":{},"jobSpecification":{"poolInfo":{"poolId":"{pool}"}}}`}, 1},
	{"DeleteJobSchedule", "DELETE", "/jobschedules/{schedule}", nil, nil, 1},
	{"DisableJobSchedule", "POST", "/jobschedules/{schedule}/disable", nil, nil, 2},
	{"EnableJobSchedule", "POST", "/jobschedules/{schedule}/enable", nil, nil, 2},
	{"TerminateJobSchedule", "POST", "/jobschedules/{schedule}/terminate", nil, nil, 1},
	{"ListJobsFromSchedule", "GET", "/jobschedules/{schedule}/jobs", nil, nil, 1},

	{"CreateTask", "POST", "/jobs/{job}/tasks", nil, []string{
		walkTask + "}", walkTask + "}", walkTask + `,"dependsOn":{"taskIds":["{task}"]}}`, walkTask + `,"dependsOn":{"taskIdRanges":[{"start":0,"end":{few}}]}}`,
		walkTask + `,"exitConditions":{"exitCodes":[{"code":1,"exitOptions":{"jobAction":"disable","dependencyAction":"satisfy"}}],"default":{"jobAction":"terminate"}}}`,
		walkTask + `,"affinityInfo":{"affinityId":"TVM:{node}"}}`, walkTask + `,"exitConditions":{"preProcessingError":{"jobAction":"terminate"}}}`, `{"id":"{task}"}`,
	}, 30},
	{"CreateTaskCollection", "POST", "/jobs/{job}/addtaskcollection", nil, []string{
		`{"value":[` + walkTask + `},{"id":"{few}","commandLine":"{command}"},{"id":"!","commandLine":"x"}]}`, `{"value":[]}`,
	}, 10},
	{"ListTasks", "GET", "/jobs/{job}/tasks", []string{"$filter=state eq 'active' or executionInfo/exitCode ne 0", "maxresults=1", "$skiptoken=dGFzaw", "$skiptoken=!"}, nil, 1},
	{"GetTask", "GET", "/jobs/{job}/tasks/{task}", nil, nil, 1},
	{"ReplaceTask", "PUT", "/jobs/{job}/tasks/{task}", nil, []string{`{"constraints":{"maxTaskRetryCount":{few}}}`, `{}`}, 1},
	{"DeleteTask", "DELETE", "/jobs/{job}/tasks/{task}", nil, nil, 3},
	{"TerminateTask", "POST", "/jobs/{job}/tasks/{task}/terminate", nil, nil, 3},
	{"ReactivateTask", "POST", "/jobs/{job}/tasks/{task}/reactivate", nil, nil, 3},
	{"ListSubTasks", "GET", "/jobs/{job}/tasks/{task}/subtasksinfo", nil, nil, 1},
	{"ListTaskFiles", "GET", "/jobs/{job}/tasks/{task}/files", []string{"recursive=true"}, nil, 1},
	{"GetTaskFile", "GET", "/jobs/{job}/tasks/{task}/files/stdout.txt", nil, nil, 1},
	{"GetTaskFileProperties", "HEAD", "/jobs/{job}/tasks/{task}/files/wd", nil, nil, 1},
	{"DeleteTaskFile", "DELETE", "/jobs/{job}/tasks/{task}/files/wd", []string{"recursive=true"}, nil, 1},

	{"CreateCertificate", "POST", "/certificates", nil, []string{`{"thumbprint":"{hex}","thumbprintAlgorithm":"sha1","data":"AAAA"}`, `{}`}, 1},
	{"ListCertificates", "GET", "/certificates", nil, nil, 1},
	{"GetCertificate", "GET", "/certificates(thumbprintAlgorithm=sha1,thumbprint={hex})", nil, nil, 1},
	{"CancelCertificateDeletion", "POST", "/certificates(thumbprintAlgorithm=sha1,thumbprint={hex})/canceldelete", nil, nil, 1},
	{"DeleteCertificate", "DELETE", "/certificates(thumbprintAlgorithm=sha1,thumbprint={hex})", nil, nil, 1},
}

var walkCommands = []string{"true", "false", "sleep 0.05", "sleep 1000", "no-such-program", `/bin/sh -c 'setsid sleep 1000 &'`, `/bin/sh -c 'exit 3'`}

// fill puts what the walker picks into a text.
func (w walker) fill(text string) string {
	pick := func(choices ...string) string { return choices[w.IntN(len(choices))] }
	number := func(n int) string { return fmt.Sprint(w.IntN(n)) }
	pool := "pool" + number(3)
	words := []string{
		"{pool}", pool, "{job}", "job" + number(3), "{task}", pick("task"+number(3), number(3)), "{schedule}", "schedule" + number(2),
		"{few}", number(4), "{bit}", number(2), "{one}", fmt.Sprint(1 + w.IntN(3)), "{true}", pick("true", "false"),
		"{option}", pick("requeue", "terminate", "taskcompletion", "retaineddata"), "{disabling}", pick("requeue", "terminate", "taskcompletion"),
		"{command}", pick(walkCommands...), "{quick}", pick("true", "false", "sleep 0.05", "/bin/sh -c 'setsid sleep 1000 &'"), "{hex}", pick("ab", "0123456789abcdef0123456789abcdef01234567"),
	}
	if strings.Contains(text, "{node}") {
		words = append(words, "{node}", w.someNode(pool))
	}
	return strings.NewReplacer(words...).Replace(text)
}

// spoil makes a request that no client should send.
func (w walker) spoil(q *rawRequest) {
	switch w.IntN(6) {
	case 0:
		q.method = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}[w.IntN(7)]
	case 1:
		q.body = []string{"", "null", "[]", `{"unknown":1}`, strings.Repeat("[", 1000), `{"id":5}`, "\xff"}[w.IntN(7)]
	case 2:
		q.query += "&unknown=1"
	case 3:
		q.query = "api-version=1999-01-01.1.0"
	case 4:
		q.headers = map[string]string{"If-Match": "0x8D000000000000"}
	case 5:
		q.path += "/none"
	}
}

// successes are the statuses of each operation that worked.
func successes() map[string]int {
	statuses := map[string]int{
		"ReplaceNodeUser": http.StatusOK, "DeleteNodeUser": http.StatusOK, "CreateNodeUser": http.StatusCreated,
		"ListJobPreparationAndReleaseTaskStatus": http.StatusOK,
	}
	for _, o := range operations {
		if o.status < 300 {
			statuses[o.name] = o.status
		}
	}
	return statuses
}
