package localbatch_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call is a request to a job or job schedule, below its address.
type call struct{ name, method, below, body string }

// answers of the operations, by state.
type answers map[string]string

const (
	wrongState     = "409 OperationInvalidForCurrentState"
	jobTerminating = "409 JobBeingTerminated"
	jobCompleted   = "409 JobCompleted"
	jobDeleting    = "409 JobBeingDeleted"
)

// outcome is the status of an answer, and the code if it is an error.
func outcome(answer *http.Response) string {
	return strings.TrimSpace(answer.Status[:3] + " " + answer.Header.Get("x-ms-error-code"))
}

func TestJobOperationsInEveryState(t *testing.T) {
	t.Parallel()
	w := start(t)
	update := answers{
		"active": "200", "disabling": "200", "disabled": "200", "enabling": "200",
		"terminating": jobTerminating, "completed": jobCompleted, "deleting": jobDeleting,
	}
	with := func(changes ...answers) answers {
		all := maps.Clone(update)
		for _, some := range changes {
			maps.Copy(all, some)
		}
		return all
	}
	accepted := answers{"active": "202", "disabling": "202", "disabled": "202", "enabling": "202"}
	created := answers{"active": "201", "disabling": "201", "disabled": "201", "enabling": "201"}
	readable := answers{"active": "200", "disabling": "200", "disabled": "200", "enabling": "200", "terminating": "200", "completed": "200", "deleting": "200"}
	for _, c := range []struct {
		call
		want answers
	}{
		{call{"get", "GET", "", ""}, readable},
		{call{"count", "GET", "/taskcounts", ""}, readable},
		{call{"list tasks", "GET", "/tasks", ""}, readable},
		{call{"patch", "PATCH", "", `{"priority":3}`}, update},
		{call{"put", "PUT", "", `{"poolInfo":{"poolId":"pool"}}`}, update},
		{call{"move", "PATCH", "", `{"poolInfo":{"poolId":"other"}}`}, with(answers{"active": wrongState, "disabling": wrongState, "enabling": wrongState})},
		{call{"disable", "POST", "/disable", `{"disableTasks":"wait"}`}, with(accepted, answers{"enabling": "409 JobNotActive"})},
		{call{"enable", "POST", "/enable", ""}, with(accepted, answers{"active": wrongState, "enabling": wrongState})},
		{call{"terminate", "POST", "/terminate", ""}, with(accepted)},
		{call{"delete", "DELETE", "", ""}, with(accepted, answers{"terminating": "202", "completed": "202"})},
		{call{"add task", "POST", "/tasks", `{"id":"a","commandLine":"true"}`}, with(created)},
		{call{"add tasks", "POST", "/addtaskcollection", `{"value":[{"id":"a","commandLine":"true"}]}`}, update},
	} {
		for state, want := range c.want {
			id := strings.ReplaceAll(c.name, " ", "-") + "-" + state
			w.job(id, "pool")
			require.NoError(t, w.service.SetJobState(id, state))
			got := outcome(w.send(rawRequest{method: c.method, path: "/jobs/" + id + c.below, body: c.body}))
			require.Equal(t, want, got, "%s a job that is %s", c.name, state)
		}
	}
}

func TestScheduleOperationsInEveryState(t *testing.T) {
	t.Parallel()
	w := start(t)
	ended := answers{"terminating": "409 JobScheduleBeingTerminated", "completed": "409 JobScheduleCompleted", "deleting": "409 JobScheduleBeingDeleted"}
	with := func(active, disabled string, changes answers) answers {
		all := answers{"active": active, "disabled": disabled}
		maps.Copy(all, ended)
		maps.Copy(all, changes)
		return all
	}
	readable := answers{"terminating": "200", "completed": "200", "deleting": "200"}
	for _, c := range []struct {
		call
		want answers
	}{
		{call{"get", "GET", "", ""}, with("200", "200", readable)},
		{call{"list", "GET", "/jobs", ""}, with("200", "200", readable)},
		{call{"patch", "PATCH", "", `{"metadata":[]}`}, with("200", "200", nil)},
		{call{"put", "PUT", "", `{"schedule":{},"jobSpecification":{"poolInfo":{"poolId":"pool"}}}`}, with("200", "200", nil)},
		{call{"disable", "POST", "/disable", ""}, with("204", "409 JobScheduleDisabled", nil)},
		{call{"enable", "POST", "/enable", ""}, with(wrongState, "204", nil)},
		{call{"terminate", "POST", "/terminate", ""}, with("202", "202", nil)},
		{call{"delete", "DELETE", "", ""}, with("202", "202", answers{"terminating": "202", "completed": "202"})},
	} {
		for state, want := range c.want {
			id := c.name + "-" + state
			w.schedule(id, daily())
			require.NoError(t, w.service.SetScheduleState(id, state))
			got := outcome(w.send(rawRequest{method: c.method, path: "/jobschedules/" + id + c.below, body: c.body}))
			require.Equal(t, want, got, "%s a job schedule that is %s", c.name, state)
		}
	}
}

// TestConditionsOfJobsAndSchedules holds every operation that takes conditions
// against each of them, first those that are not met.
func TestConditionsOfJobsAndSchedules(t *testing.T) {
	t.Parallel()
	w := start(t)
	const spec = `"poolInfo":{"poolId":"pool"}`
	jobs := []call{
		{"get", "GET", "", ""}, {"patch", "PATCH", "", `{"priority":3}`}, {"put", "PUT", "", "{" + spec + "}"},
		{"disable", "POST", "/disable", `{"disableTasks":"wait"}`}, {"terminate", "POST", "/terminate", ""}, {"delete", "DELETE", "", ""},
	}
	schedules := []call{
		{"get", "GET", "", ""}, {"exists", "HEAD", "", ""}, {"patch", "PATCH", "", `{"metadata":[]}`},
		{"put", "PUT", "", `{"schedule":{},"jobSpecification":{` + spec + "}}"},
		{"disable", "POST", "/disable", ""}, {"terminate", "POST", "/terminate", ""}, {"delete", "DELETE", "", ""},
	}
	past, future := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	hold := func(kind string, operations []call, create func(id string)) {
		for _, o := range operations {
			id := kind + "-" + o.name
			create(id)
			path := "/" + kind + "/" + id
			tag := w.send(rawRequest{method: "GET", path: path}).Header.Get("ETag")
			send := func(headers map[string]string) string {
				return outcome(w.send(rawRequest{method: o.method, path: path + o.below, body: o.body, headers: headers}))
			}
			notMet := "412 ConditionNotMet"
			if o.method == "GET" || o.method == "HEAD" {
				notMet = "304 ConditionNotMet"
			}
			for name, value := range map[string]string{
				"If-Match": "0x8D000000000000", "If-None-Match": tag, "If-Modified-Since": future, "If-Unmodified-Since": past,
			} {
				require.Equal(t, notMet, send(map[string]string{name: value}), "%s %s: %s", o.name, path, name)
			}
			several := send(map[string]string{"If-Match": tag, "If-Modified-Since": past})
			require.Equal(t, "400 MultipleConditionHeadersNotSupported", several, "%s %s", o.name, path)
			met := send(map[string]string{"If-Match": tag})
			require.Equal(t, "20", met[:2], "%s %s: %s", o.name, path, met)
		}
	}
	hold("jobs", jobs, func(id string) { w.job(id, "pool") })
	hold("jobschedules", schedules, func(id string) { w.schedule(id, daily()) })
}
