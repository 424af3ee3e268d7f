package localbatch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

const (
	tasksPath = "/jobs/job/tasks"
	goodTask  = tasksPath + "/good"
	nodePath  = "/pools/pool/nodes/{node}"
	// A schedule whose first job is due in 500 years.
	newSchedule = `"schedule":{"doNotRunUntil":"2500-01-01T00:00:00Z"},"jobSpecification":{"poolInfo":{"poolId":"pool"}}`
	newPool     = `"vmSize":"STANDARD_A1_V2","virtualMachineConfiguration":{"imageReference":{"publisher":"canonical","offer":"ubuntu-24_04-lts","sku":"server"},"nodeAgentSKUId":"batch.node.ubuntu 24.04"}`
)

// errorPins has at least one request for every code that the service answers.
// A pin's name begins with the code.
var errorPins = []pin{
	{name: "MissingRequiredHeader", request: rawRequest{method: http.MethodGet, path: "/pools", query: latest, unsigned: true}},
	{name: "AuthenticationFailed-signature", request: rawRequest{method: http.MethodGet, path: "/pools", query: latest, key: []byte("another")}},
	{name: "AuthenticationFailed-token", request: rawRequest{
		method: http.MethodGet, path: "/pools", query: latest, unsigned: true, headers: map[string]string{"Authorization": "Bearer abc"},
	}},
	{name: "InvalidAuthenticationInfo", request: rawRequest{
		method: http.MethodGet, path: "/pools", query: latest, unsigned: true, headers: map[string]string{"Authorization": "Basic bG9jYWw6"},
	}},
	{name: "InvalidUri", request: reads("//pools")},
	{name: "RequestUrlFailedToParse", request: reads("/pools", latest, "maxresults=%zz")},
	{name: "MissingRequiredQueryParameter", request: reads("/pools", "timeout=30")},
	{name: "UnsupportedRequestVersion", request: reads("/pools", "api-version=2016-01-01.1.0")},
	{name: "UnsupportedQueryParameter", request: reads("/pools", latest, "top=3")},
	{name: "OutOfRangeQueryParameterValue", request: reads("/pools", latest, "maxresults=1001")},
	{name: "InvalidQueryParameterValue", request: reads("/pools", "$filter=size+eq+3", latest)},
	{name: "InvalidHeaderValue", request: sends(http.MethodGet, "/pools/pool", "", "If-Modified-Since", "yesterday")},
	{name: "MultipleConditionHeadersNotSupported", request: sends(http.MethodGet, "/pools/pool", "", "If-Match", "0x8D0000000000000", "If-None-Match", "0x8D0000000000000")},
	{name: "ConditionNotMet-write", request: sends(http.MethodPatch, "/pools/pool", `{"metadata":[]}`, "If-Match", "0x8D0000000000000")},
	{name: "ConditionNotMet-read", request: sends(http.MethodGet, "/pools/pool", "", "If-Match", "0x8D0000000000000")},
	{name: "UnsupportedHttpVerb", request: sends(http.MethodPut, "/pools/pool", "{}")},
	{name: "ResourceNotFound", request: reads("/nothing")},
	{name: "PoolQuotaReached", prepare: plan(`{"quotas":{"pools":1}}`), request: posts("/pools", `{"id":"new",`+newPool+`}`)},
	{name: "ActiveJobAndScheduleQuotaReached", prepare: plan(`{"quotas":{"activeJobsAndSchedules":1}}`),
		request: posts("/jobs", `{"id":"new","poolInfo":{"poolId":"pool"}}`)},
	{name: "TooManyRequests", prepare: fault("tooManyRequests"), request: reads("/pools")},
	{name: "ServerBusy", prepare: fault("serverBusy"), request: reads("/pools")},

	{name: "PoolNotFound", request: reads("/pools/none")},
	{name: "PoolNotFound-head", request: sends(http.MethodHead, "/pools/none", "")},
	{name: "NodeNotFound", request: reads("/pools/pool/nodes/none")},
	{name: "CertificateNotFound", request: reads("/certificates(thumbprintAlgorithm=sha1,thumbprint=00)")},
	{name: "CertificateExists", prepare: certified, request: posts("/certificates", newCertificate().json())},
	{name: "CertificateStateActive", request: posts(newCertificate().path()+"/canceldelete", "")},
	{name: "CertificateBeingDeleted", prepare: certificateIs("deleting"), request: sends(http.MethodDelete, newCertificate().path(), "")},
	{name: "NodeUserNotFound", request: sends(http.MethodDelete, nodePath+"/users/someone", "")},
	{name: "ApplicationNotFound", request: reads("/applications/none")},
	{name: "JobNotFound", request: posts("/jobs/none/addtaskcollection", `{"value":[{"id":"a","commandLine":"true"}]}`)},
	{name: "TaskNotFound", request: reads("/jobs/job/tasks/none")},
	{name: "FileNotFound", request: reads(goodTask + "/files/none")},
	{name: "FileNotFound-head", request: sends(http.MethodHead, goodTask+"/files/wd%2F..%2F..%2Fx", "")},
	{name: "PoolExists", request: posts("/pools", `{"id":"POOL",`+newPool+`}`)},
	{name: "JobExists", request: posts("/jobs", `{"id":"Job","poolInfo":{"poolId":"pool"}}`)},
	{name: "TaskExists", request: posts(tasksPath, `{"id":"GOOD","commandLine":"true"}`)},

	{name: "InvalidRequestBody", request: posts("/jobs", `{"id":`)},
	{name: "RequestBodyTooLarge", request: posts("/jobs", `{"id":"`+strings.Repeat("a", 1<<20)+`"}`)},
	{name: "MissingRequiredProperty", request: posts("/jobs", `{"poolInfo":{"poolId":"pool"}}`)},
	{name: "InvalidPropertyValue", request: posts("/jobs", `{"id":"new","poolInfo":{"poolId":"pool"},"constraints":{"maxWallClockTime":"1h"}}`)},
	{name: "UnsupportedProperty", request: posts("/jobs", `{"id":"new","poolInfo":{"poolId":"pool"},"invented":true}`)},
	{name: "OutOfRangePriority", request: posts("/jobs", `{"id":"new","poolInfo":{"poolId":"pool"},"priority":1001}`)},
	{name: "EmptyMetadataKey", request: posts("/jobs", `{"id":"new","poolInfo":{"poolId":"pool"},"metadata":[{"name":"","value":"x"}]}`)},
	{name: "InvalidInput", request: reads(goodTask + "/files/wd")},
	{name: "InvalidRange", request: sends(http.MethodGet, goodTask+"/files/stdout.txt", "", "ocp-range", "bytes=10-19")},
	{name: "InvalidAutoScalingSettings", request: posts("/pools", `{"id":"new",`+newPool+`,"enableAutoScale":true}`)},
	{name: "AutoScalingFormulaSyntaxError", request: posts("/pools", `{"id":"new",`+newPool+`,"enableAutoScale":true,"autoScaleFormula":"$TargetDedicatedNodes = 2 +;"}`)},
	{name: "AutoScalingFormulaTooLong", request: posts("/pools", `{"id":"new",`+newPool+`,"enableAutoScale":true,"autoScaleFormula":"x = 1`+strings.Repeat(" ", 10_000)+`"}`)},
	{name: "TooManyEnableAutoScaleRequests", prepare: autoscale, request: posts("/pools/scaled/enableautoscale", `{"autoScaleFormula":"$TargetDedicatedNodes = 1"}`)},
	{name: "TaskDependenciesNotSpecifiedOnJob", request: posts(tasksPath, `{"id":"new","commandLine":"true","dependsOn":{"taskIds":["good"]}}`)},
	{name: "TaskDependencyListTooLong", prepare: dependencies, request: posts("/jobs/dependent/tasks",
		`{"id":"new","commandLine":"true","dependsOn":{"taskIds":["`+strings.Repeat(strings.Repeat("a", 64)+`","`, 1000)+`b"]}}`)},
	{name: "TaskDependencyRangesTooLong", request: posts("/jobs/dependent/tasks",
		`{"id":"new","commandLine":"true","dependsOn":{"taskIdRanges":[`+strings.Repeat(`{"start":1,"end":2},`, 22000)+`{"start":1,"end":2}]}}`)},

	{name: "OperationInvalidForCurrentState", request: reads("/jobs/waiting/tasks/active/files")},
	{name: "InvalidApplicationPackageReferences", request: posts(tasksPath, `{"id":"new","commandLine":"true","applicationPackageReferences":[{"applicationId":"none"}]}`)},
	{name: "OperationNotValidOnPool", request: sends(http.MethodPatch, "/pools/pool", `{"vmSize":"STANDARD_A2_V2"}`)},
	{name: "OperationNotValidOnNode", request: posts(nodePath+"/reimage", "")},
	{name: "PoolBeingResized", prepare: poolIs("active", "resizing"), request: posts("/pools/pool/resize", `{"targetDedicatedNodes":2}`)},
	{name: "PoolBeingDeleted", prepare: poolIs("deleting", "resizing"), request: sends(http.MethodPatch, "/pools/pool", `{"metadata":[]}`)},
	{name: "NodeAlreadyInTargetSchedulingState", prepare: poolIs("active", "steady"), request: posts(nodePath+"/enablescheduling", "")},
	{name: "NodeBeingCreated", prepare: nodeIs("creating"), request: posts(nodePath+"/reboot", "")},
	{name: "NodeBeingStarted", prepare: nodeIs("starting"), request: posts(nodePath+"/reboot", "")},
	{name: "NodeBeingRebooted", prepare: nodeIs("rebooting"), request: posts(nodePath+"/reboot", "")},
	{name: "NodeStateUnusable", prepare: nodeIs("unusable"), request: posts(nodePath+"/deallocate", "")},
	{name: "NodeNotReady", prepare: nodeIs("unknown"), request: reads(nodePath + "/files")},
	{name: "JobCompleted", prepare: nodeIs("idle"), request: posts("/jobs/over/tasks", `{"id":"late","commandLine":"true"}`)},
	{name: "JobNotActive", prepare: jobIs("enabling"), request: posts("/jobs/job/disable", `{"disableTasks":"wait"}`)},
	{name: "JobBeingTerminated", prepare: jobIs("terminating"), request: posts("/jobs/job/tasks", `{"id":"late","commandLine":"true"}`)},
	{name: "JobBeingDeleted", prepare: jobIs("deleting"), request: posts("/jobs/job/terminate", "")},
	{name: "JobPreparationTaskNotSpecified", prepare: jobIs("active"), request: reads("/jobs/job/jobpreparationandreleasetaskstatus")},
	{name: "TaskIdSameAsJobPreparationTask", prepare: preparation, request: posts("/jobs/prepared/tasks", `{"id":"JobPreparation","commandLine":"true"}`)},
	{name: "TaskIdSameAsJobReleaseTask", request: posts("/jobs/prepared/tasks", `{"id":"JobRelease","commandLine":"true"}`)},
	{name: "JobWithSameIdExists", request: posts("/jobschedules", `{"id":"job",`+newSchedule+`}`)},
	{name: "JobScheduleExists", prepare: schedule, request: posts("/jobschedules", `{"id":"Schedule",`+newSchedule+`}`)},
	{name: "JobScheduleWithSameIdExists", request: posts("/jobs", `{"id":"schedule","poolInfo":{"poolId":"pool"}}`)},
	{name: "JobScheduleNotFound", request: reads("/jobschedules/none")},
	{name: "JobScheduleDisabled", prepare: scheduleIs("disabled"), request: posts("/jobschedules/schedule/disable", "")},
	{name: "JobScheduleBeingTerminated", prepare: scheduleIs("terminating"), request: posts("/jobschedules/schedule/disable", "")},
	{name: "JobScheduleCompleted", prepare: scheduleIs("completed"), request: posts("/jobschedules/schedule/terminate", "")},
	{name: "JobScheduleBeingDeleted", prepare: scheduleIs("deleting"), request: posts("/jobschedules/schedule/terminate", "")},
	{name: "TaskCompleted", request: posts(goodTask+"/terminate", "")},
	{name: "TaskSucceeded", request: posts(goodTask+"/reactivate", "")},
	{name: "TaskNotCompleted", request: posts("/jobs/waiting/tasks/active/reactivate", "")},
	{name: "TaskFilesCleanedup", prepare: func(s *stage) {
		s.add("short", "true", func(c *azbatch.CreateTaskContent) {
			c.Constraints = &azbatch.TaskConstraints{RetentionTime: to.Ptr("PT0.01S")}
		})
		s.completed("short")
		eventually(s.t, "the files are removed", func() bool {
			return s.send(reads(tasksPath+"/short/files")).StatusCode == http.StatusConflict
		})
	}, request: reads(tasksPath + "/short/files")},
	{name: "TaskFilesUnavailable", prepare: func(s *stage) {
		_, err := s.TerminateTask(ctx, "waiting", "active", nil)
		require.NoError(s.t, err)
	}, request: reads("/jobs/waiting/tasks/active/files")},
}

func plan(text string) func(*stage) { return func(s *stage) { s.setFaults(text) } }

func fault(do string) func(*stage) {
	return plan(`{"requests":[{"name":"pin","times":1,"actions":[{"do":"` + do + `"}]}]}`)
}

func certified(s *stage) {
	answer := s.send(posts("/certificates", newCertificate().json()))
	require.Equal(s.t, http.StatusCreated, answer.StatusCode)
}

func certificateIs(state string) func(*stage) {
	return func(s *stage) {
		require.NoError(s.t, s.service.SetCertificateState(newCertificate().thumbprint(), state))
	}
}

func dependencies(s *stage) {
	s.job("dependent", "pool", func(c *azbatch.CreateJobContent) { c.UsesTaskDependencies = to.Ptr(true) })
}

func schedule(s *stage) {
	answer := s.send(posts("/jobschedules", `{"id":"schedule",`+newSchedule+`}`))
	require.Equal(s.t, http.StatusCreated, answer.StatusCode)
}

func scheduleIs(state string) func(*stage) {
	return func(s *stage) { require.NoError(s.t, s.service.SetScheduleState("schedule", state)) }
}

func preparation(s *stage) { s.job("prepared", "pool", prepared("true"), released("true")) }

func autoscale(s *stage) {
	s.pool(scaled("scaled", "$TargetDedicatedNodes = 0"))
	_, err := s.EnablePoolAutoScale(ctx, "scaled", azbatch.EnablePoolAutoScaleContent{AutoScaleFormula: to.Ptr("$TargetDedicatedNodes = 0")}, nil)
	require.NoError(s.t, err)
}

func poolIs(state, allocation string) func(*stage) {
	return func(s *stage) { require.NoError(s.t, s.service.SetPoolState("pool", state, allocation)) }
}

func nodeIs(state string) func(*stage) {
	return func(s *stage) { require.NoError(s.t, s.service.SetNodeState("pool", s.node, state)) }
}

func jobIs(state string) func(*stage) {
	return func(s *stage) { require.NoError(s.t, s.service.SetJobState("job", state)) }
}

// TestEveryErrorCodeIsPinned looks for error codes in the source. One without a
// pin is one whose wire format nobody has looked at.
func TestEveryErrorCodeIsPinned(t *testing.T) {
	t.Parallel()
	pinned := map[string]bool{"InternalError": true} // see TestInternalError
	for _, p := range errorPins {
		code, _, _ := strings.Cut(p.name, "-")
		pinned[code] = true
	}
	found := errorCodes(t)
	require.Greater(t, len(found), 50)
	for _, code := range slices.Sorted(maps.Keys(found)) {
		require.True(t, pinned[code], "%s: no file shows how %s is answered; add a request to errorPins, and run: go test ./localbatch -run TestWire -update",
			found[code], code)
	}
	for code := range pinned {
		require.Contains(t, found, code, "the service does not answer it any more")
	}
}

// errorCodes has every error code of the package's source, and where it is.
func errorCodes(t *testing.T) map[string]string {
	t.Helper()
	// The functions that are given a code, or a kind of resource and what they
	// make of that.
	makers := map[string][]string{
		"badRequest": {""}, "conflict": {""}, "notFound": {"NotFound"}, "exists": {"Exists"},
		"beingDeleted": {"BeingDeleted"}, "idIsFree": {"Exists", "BeingDeleted"},
	}
	codes := map[string]string{}
	set := token.NewFileSet()
	files, err := fs.Glob(os.DirFS("."), "*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			function, _ := declaration.(*ast.FuncDecl)
			isMaker := function != nil && makers[function.Name.Name] != nil
			ast.Inspect(declaration, func(n ast.Node) bool {
				value, suffixes := errorCode(n, makers)
				if value == nil {
					return true
				}
				place := set.Position(value.Pos()).String()
				literal, ok := value.(*ast.BasicLit)
				if !ok {
					require.True(t, isMaker, "%s: give the error code as a literal, for this test to find it", place)
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				for _, suffix := range suffixes {
					codes[text+suffix] = place
				}
				return true
			})
		}
	}
	return codes
}

// errorCode is the expression in n that is an error code, or the beginning of
// one, and its ends.
func errorCode(n ast.Node, makers map[string][]string) (ast.Expr, []string) {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		if makers[name] != nil {
			return n.Args[0], makers[name]
		}
	case *ast.CompositeLit:
		if kind, ok := n.Type.(*ast.Ident); !ok || kind.Name != "apiError" {
			return nil, nil
		}
		for _, element := range n.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok && pair.Key.(*ast.Ident).Name == "code" {
				return pair.Value, []string{""}
			}
		}
	case *ast.AssignStmt:
		if field, ok := n.Lhs[0].(*ast.SelectorExpr); ok && field.Sel.Name == "code" {
			return n.Rhs[0], []string{""}
		}
	}
	return nil, nil
}

// TestInternalError: what goes wrong in the service itself is logged there, and
// the client learns no more than that it happened.
func TestInternalError(t *testing.T) {
	t.Parallel()
	s := &stage{world: start(t, func(o *localbatch.Options) { o.Logger = slog.New(slog.DiscardHandler) })}
	s.broken()
	s.compare(t, pin{name: "InternalError", request: reads("/pools")})
	require.FileExists(t, filepath.Join(wireDir, "InternalError.txt"))
}
