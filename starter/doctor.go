package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workflows"
)

// finding is one thing that was looked at.
type finding struct {
	Check  string `json:"check"`
	State  state  `json:"state"`
	Detail string `json:"detail"`
	Cure   string `json:"cure,omitempty"`
}

type state string

const (
	fine    state = "ok"
	warning state = "warning"
	failing state = "error"
	unknown state = "unknown" // it cannot be told from here
)

// diagnosis is what doctor answers.
type diagnosis struct {
	Healthy  bool      `json:"healthy"`
	Findings []finding `json:"findings"`
}

func (d *diagnosis) say(check string, s state, cure, format string, args ...any) {
	d.Findings = append(d.Findings, finding{check, s, sentenceOf(azure.Scrub(fmt.Sprintf(format, args...)), 1000), cure})
	d.Healthy = d.Healthy && s != failing
}

func (s *starter) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Find out whether Temporal, Storage and Batch can be reached, and with which rights",
		Long: `Doctor asks Temporal, the storage account and the Batch account of the
environment whether they answer, as whom they know this machine, what it may do,
and whether the clocks agree. What is wrong comes with its cure; the exit code
is 3 then.

It creates nothing. To find out about the right to write it asks for the
deletion of a container, a job and a pool of random names, which do not exist.
Run it where the worker runs, with the worker's environment: the worker is who
needs these rights.`,
		Example: `  starter doctor
  starter doctor --json | jq '.findings[] | select(.state == "error")'`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.doctor(cmd.Context()) },
	}
}

func (s *starter) doctor(ctx context.Context) error {
	d := &diagnosis{Healthy: true}
	s.examineTemporal(ctx, d)
	s.examineStorage(ctx, d)
	s.examineBatch(ctx, d)
	if ctx.Err() != nil {
		return exitWith(exitInterrupted)
	}
	if s.json {
		if err := s.answer(d); err != nil {
			return err
		}
	} else {
		for _, f := range d.Findings {
			printFinding(s.stdout, f)
		}
	}
	if !d.Healthy {
		return exitWith(exitUnreachable)
	}
	return nil
}

var findingSigns = map[state]string{fine: "ok      ", warning: "warning ", failing: "ERROR   ", unknown: "unknown "}

// printFinding prints a finding and its cure.
func printFinding(out io.Writer, f finding) {
	fmt.Fprintf(out, "%s %s: %s\n", findingSigns[f.State], f.Check, f.Detail)
	if f.Cure != "" {
		fmt.Fprintf(out, "         cure: %s\n", f.Cure)
	}
}

func (s *starter) examineTemporal(ctx context.Context, d *diagnosis) {
	t, err := s.connect(ctx)
	if err != nil {
		d.say("Temporal", failing, "start it (bin/local up), or correct TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the settings of TLS and API key", "%v", err)
		return
	}
	defer t.Close()
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := t.WorkflowService().DescribeNamespace(call, &workflowservice.DescribeNamespaceRequest{Namespace: t.namespace})
	if err != nil {
		d.say("Temporal", failing, "set TEMPORAL_NAMESPACE to a namespace that there is and that this identity may use", "%s answers, but namespace %s cannot be used: %v", t.address, t.namespace, err)
		return
	}
	retention := described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	d.say("Temporal", fine, "", "%s answers; namespace %s keeps ended runs for %s", t.address, t.namespace, retention)
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	for queue, kind := range queuesOf(host) {
		switch polled, err := t.polled(ctx, queue, kind); {
		case err != nil:
			d.say("worker", unknown, "", "the pollers of the task queue %s cannot be listed: %v", queue, err)
		case polled:
			d.say("worker", fine, "", "one polls the task queue %s", queue)
		case queue == workflows.TaskQueue:
			d.say("worker", failing, "start bin/worker, or look into its log", "none polls the task queue %s: runs wait until one does", queue)
		default:
			d.say("worker", warning, "start bin/worker here, if files of this machine are to be run", "none polls the task queue %s: files of this machine wait until one does", queue)
		}
	}
}

// queuesOf are the task queues that a run with files of this machine needs.
func queuesOf(host string) iter.Seq2[string, enumspb.TaskQueueType] {
	return func(yield func(string, enumspb.TaskQueueType) bool) {
		_ = yield(workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW) &&
			yield(workflows.HostTaskQueue(host), enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	}
}

func (s *starter) examineStorage(ctx context.Context, d *diagnosis) {
	config, err := azure.StorageConfigFromEnv(s.environ.Get)
	if err != nil {
		d.say("storage", failing, "", "%v", err)
		return
	}
	storage, err := azure.NewStorage(config)
	if err != nil {
		d.say("storage", failing, "", "%v", err)
		return
	}
	identity := "its account key"
	if config.StorageConnectionString == "" {
		if identity, err = azure.WhoAmI(ctx, azure.StorageScope); err != nil {
			d.sayExplained("storage", err)
			return
		}
	}
	// Asking for the deletion of what is not there tells whether one may.
	name := "durabatch-doctor-" + randomHex()
	where := storage.Container(name)
	var answer *http.Response
	asked := time.Now()
	_, err = where.Delete(policy.WithCaptureResponse(ctx, &answer), nil)
	if !bloberror.HasCode(err, bloberror.ContainerNotFound) && err != nil {
		d.sayExplained("storage", err)
		return
	}
	d.say("storage", fine, "", "%s answers; it knows this machine by %s, which may write there", strings.TrimSuffix(where.URL(), "/"+name), identity)
	d.sayClock("storage", answer, asked)
	if config.StorageConnectionString == "" {
		if _, err := storage.SignedContainerURL(ctx, "durabatch-doctor", azure.ReadList, time.Now().Add(time.Hour)); err != nil {
			d.say("signed addresses", failing, "give the identity the role Storage Blob Delegator on the storage account", "%s", azure.Explain(err))
		} else {
			d.say("signed addresses", fine, "", "nodes can be given addresses that hold for %s at most", azure.MaxDelegation)
		}
	}
}

func (s *starter) examineBatch(ctx context.Context, d *diagnosis) {
	config, err := azure.BatchConfigFromEnv(s.environ.Get)
	if err != nil {
		d.say("Batch", failing, "", "%v", err)
		return
	}
	batch, err := azure.NewBatch(config)
	if err != nil {
		d.say("Batch", failing, "", "%v", err)
		return
	}
	identity := "its account key"
	if config.BatchAccountKey == "" {
		if identity, err = azure.WhoAmI(ctx, azure.BatchScope); err != nil {
			d.sayExplained("Batch", err)
			return
		}
	}
	name := "durabatch-doctor-" + randomHex()
	var answer *http.Response
	asked := time.Now()
	_, err = batch.DeletePool(policy.WithCaptureResponse(ctx, &answer), name, nil)
	if err == nil || azure.Explain(err).Kind == azure.Gone {
		_, err = batch.DeleteJob(ctx, name, nil)
	}
	if err != nil && azure.Explain(err).Kind != azure.Gone {
		d.sayExplained("Batch", err)
		return
	}
	d.say("Batch", fine, "", "%s answers; it knows this machine by %s, which may change pools and jobs", config.BatchEndpoint, identity)
	d.sayClock("Batch", answer, asked)
	d.say("quotas", unknown, "az batch account show --name ACCOUNT --resource-group GROUP --query '{cores:dedicatedCoreQuota,spot:lowPriorityCoreQuota,pools:poolQuota,jobs:activeJobAndJobScheduleQuota}'",
		"they are told by Azure's management plane alone, which these credentials do not reach")
}

// sayExplained tells of a call that did not do what it should.
func (d *diagnosis) sayExplained(check string, err error) {
	e := azure.Explain(err)
	if errors.Is(err, context.Canceled) {
		return
	}
	d.say(check, failing, e.Advice, "%s", e.Message)
}

// Clocks that differ by more than some minutes make signed requests and
// signed addresses invalid: Batch and Blob allow fifteen.
const (
	clocksDiffer = 30 * time.Second
	clocksFail   = 10 * time.Minute
)

func (d *diagnosis) sayClock(check string, answer *http.Response, asked time.Time) {
	if answer == nil {
		return
	}
	skew, ok := azure.Skew(answer.Header.Get("Date"), asked, time.Now())
	if !ok {
		d.say(check+" clock", unknown, "", "its answers do not say what time it is there")
		return
	}
	s, cure := fine, ""
	if skew.Abs() > clocksDiffer {
		s, cure = warning, "set this machine's clock, by NTP"
	}
	if skew.Abs() > clocksFail {
		s = failing
	}
	ahead := "ahead of"
	if skew < 0 {
		ahead = "behind"
	}
	d.say(check+" clock", s, cure, "this machine's is %s %s the service's", skew.Abs().Round(time.Second), ahead)
}

func randomHex() string {
	random := make([]byte, 6)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}
