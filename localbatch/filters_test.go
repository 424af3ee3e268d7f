package localbatch_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

// What can be asked of a property in a filter: the operators, and a literal.
type filterable struct {
	operators []string
	literal   string
}

var (
	order      = []string{"eq", "ne", "gt", "ge", "lt", "le"}
	ofName     = filterable{append([]string{"startswith"}, order...), "'a'"}
	ofPrefix   = filterable{[]string{"startswith"}, "'a'"}
	ofChoice   = filterable{[]string{"eq", "ne"}, "'Active'"}
	ofEquality = filterable{[]string{"eq"}, "'a'"}
	ofBoolean  = filterable{[]string{"eq", "ne"}, "true"}
	ofNumber   = filterable{order, "3"}
	ofTime     = filterable{order, "DateTime'2011-05-08T08:49:37Z'"}
)

// filters has the lists with the properties that the REST reference lets them
// be filtered by ("OData filters"). Where {node} is, the id of a node goes.
var filters = map[string]map[string]filterable{
	"/pools": {
		"id": ofName, "state": ofChoice, "stateTransitionTime": ofTime, "allocationState": ofChoice,
		"allocationStateTransitionTime": ofTime, "creationTime": ofTime, "lastModified": ofTime,
		"enableAutoScale": ofBoolean, "vmSize": ofChoice, "enableInterNodeCommunication": ofBoolean,
	},
	"/jobs": {
		"id": ofName, "state": ofChoice, "stateTransitionTime": ofTime, "creationTime": ofTime, "lastModified": ofTime,
		"executionInfo/startTime": ofTime, "executionInfo/endTime": ofTime, "executionInfo/poolId": ofName,
	},
	"/jobschedules/schedule/jobs": {
		"state": ofChoice, "stateTransitionTime": ofTime, "creationTime": ofTime, "lastModified": ofTime,
		"executionInfo/startTime": ofTime, "executionInfo/endTime": ofTime, "executionInfo/poolId": ofName,
	},
	"/jobs/job/tasks": {
		"id": ofName, "state": ofChoice, "stateTransitionTime": ofTime, "creationTime": ofTime, "lastModifiedTime": ofTime,
		"lastModified": ofTime, "executionInfo/startTime": ofTime, "executionInfo/endTime": ofTime,
		"executionInfo/exitCode": ofNumber, "executionInfo/result": ofChoice,
	},
	"/pools/pool/nodes": {
		"state": ofChoice, "stateTransitionTime": ofTime, "lastBootTime": ofTime, "allocationTime": ofTime,
		"startTaskInfo/state": ofEquality, "startTaskInfo/result": ofChoice, "startTaskInfo/exitCode": ofNumber,
		"startTaskInfo/startTime": ofTime, "startTaskInfo/endTime": ofTime,
	},
	"/jobs/job/tasks/one/files":      {"name": ofPrefix},
	"/pools/pool/nodes/{node}/files": {"name": ofPrefix},
	"/nodecounts":                    {"poolId": ofEquality},
	"/jobs/prepared/jobpreparationandreleasetaskstatus": {
		"poolId": ofChoice, "nodeId": ofChoice,
		"jobPreparationTaskExecutionInfo/state": ofEquality, "jobPreparationTaskExecutionInfo/result": ofChoice,
		"jobPreparationTaskExecutionInfo/startTime": ofTime, "jobPreparationTaskExecutionInfo/endTime": ofTime,
		"jobPreparationTaskExecutionInfo/exitCode": ofNumber,
		"jobReleaseTaskExecutionInfo/state":        ofEquality, "jobReleaseTaskExecutionInfo/result": ofChoice,
		"jobReleaseTaskExecutionInfo/startTime": ofTime, "jobReleaseTaskExecutionInfo/endTime": ofTime,
		"jobReleaseTaskExecutionInfo/exitCode": ofNumber,
	},
	"/supportedimages": {"osType": ofChoice, "verificationType": ofChoice, "nodeAgentSKUId": ofChoice},
	"/jobschedules": {
		"id": ofName, "state": ofChoice, "stateTransitionTime": ofTime, "creationTime": ofTime, "lastModified": ofTime,
		"executionInfo/endTime": ofTime, "schedule/doNotRunUntil": ofTime, "schedule/doNotRunAfter": ofTime,
	},
}

// TestFilterableProperties asks every list for every property of any list, with
// every operator: what the reference does not have is refused, not ignored.
func TestFilterableProperties(t *testing.T) {
	t.Parallel()
	s := &stage{world: ready(t, 1)}
	s.node = *s.nodes("pool")[0].ID
	s.job("prepared", "pool", func(c *azbatch.CreateJobContent) {
		c.JobPreparationTask = &azbatch.JobPreparationTask{CommandLine: to.Ptr("true")}
	})
	schedule(s)
	s.add("one", "true")
	s.completed("one")
	names := map[string]bool{"invented": true, "ID": true}
	for _, properties := range filters {
		for name := range properties {
			names[name] = true
		}
	}
	for path, properties := range filters {
		path = strings.ReplaceAll(path, "{node}", s.node)
		for name := range names {
			of, known := properties[name]
			if !known {
				require.Equal(t, http.StatusBadRequest, s.filter(path, name+" eq 'a'"), "%s by %s", path, name)
				continue
			}
			for _, operator := range ofName.operators {
				text := name + " " + operator + " " + of.literal
				if operator == "startswith" {
					text = "startswith(" + name + ",'a')"
				}
				want := http.StatusBadRequest
				if slices.Contains(of.operators, operator) {
					want = http.StatusOK
				}
				require.Equal(t, want, s.filter(path, text), "%s?$filter=%s", path, text)
			}
		}
	}
}

// filter asks for a list and gives the status of the answer. It calls the
// service without a connection, which would take most of the time.
func (s *stage) filter(path, filter string) int {
	q := reads(path, "$filter="+url.QueryEscape(filter), latest)
	q.date = time.Now()
	request := httptest.NewRequest(http.MethodGet, s.url+path+"?"+q.query, nil)
	q.sign(request)
	answer := httptest.NewRecorder()
	s.service.Handler().ServeHTTP(answer, request)
	return answer.Code
}
