package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// victim is a worker with a namespace of its own, which is killed at a moment
// and started again. It is the worker that people run: the trap is outside of
// it, between it and the services that it works on.
type victim struct {
	*stack
	trap      *trap
	temporal  client.Client // of the namespace, past the trap
	environ   []string
	log       *os.File
	ends      []func()
	namespace string

	mu      sync.Mutex
	worker  *child
	stopped bool
}

// newVictim starts a worker behind a trap.
func newVictim(ctx context.Context, s *stack, number int) (*victim, error) {
	v := &victim{stack: s, namespace: fmt.Sprintf("victim-%d", number), trap: &trap{}}
	v.trap.kill = v.kill
	v.trap.reset(nil)
	if err := v.makeNamespace(ctx); err != nil {
		return nil, err
	}
	err := errors.Join(v.standBetween(), v.openLog())
	if err == nil {
		err = v.startWorker()
	}
	if err != nil {
		return nil, errors.Join(err, v.stop())
	}
	return v, nil
}

// makeNamespace answers when the server knows the namespace wherever a worker
// asks for it.
func (v *victim) makeNamespace(ctx context.Context) error {
	service := v.stack.temporal.WorkflowService()
	_, err := service.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: v.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		return fmt.Errorf("make namespace %s: %w", v.namespace, err)
	}
	err = poll(ctx, func() (bool, error) {
		_, err := service.CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: v.namespace})
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("namespace %s does not come: %w", v.namespace, err)
	}
	v.temporal, err = client.NewClientFromExisting(v.stack.temporal, client.Options{Namespace: v.namespace})
	return err
}

// standBetween puts the trap between the worker and each service.
func (v *victim) standBetween() error {
	blob, ok := "", false
	for field := range strings.SplitSeq(v.env["AZURE_STORAGE_CONNECTION_STRING"], ";") {
		if address, found := strings.CutPrefix(field, "BlobEndpoint="); found {
			blob, ok = address, true
		}
	}
	if !ok {
		return errors.New("the connection string has no BlobEndpoint")
	}
	batchTrap, err := v.trap.throughTrap(v.env["AZURE_BATCH_ENDPOINT"], batchEffect)
	if err != nil {
		return err
	}
	v.ends = append(v.ends, closing(batchTrap))
	blobTrap, err := v.trap.throughTrap(blob, blobEffect)
	if err != nil {
		return err
	}
	v.ends = append(v.ends, closing(blobTrap))
	temporal, stop, err := (&temporalTrap{trap: v.trap, types: map[string]string{}}).serve(v.env["TEMPORAL_ADDRESS"])
	if err != nil {
		return err
	}
	v.ends = append(v.ends, stop)
	_, path, _ := strings.Cut(strings.TrimPrefix(blob, "http://"), "/")
	v.environ = append(v.stack.environ(),
		"TEMPORAL_NAMESPACE="+v.namespace, "TEMPORAL_ADDRESS="+temporal, "AZURE_BATCH_ENDPOINT="+batchTrap.URL,
		"AZURE_STORAGE_CONNECTION_STRING="+strings.Replace(v.env["AZURE_STORAGE_CONNECTION_STRING"], blob, blobTrap.URL+"/"+path, 1))
	return nil
}

func closing(server *httptest.Server) func() {
	return func() { server.CloseClientConnections(); server.Close() }
}

func (v *victim) openLog() (err error) {
	v.log, err = os.OpenFile(filepath.Join(v.dir, v.namespace+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return err
}

// startWorker starts the worker, and again each time that it has been killed.
func (v *victim) startWorker() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stopped {
		return nil
	}
	cmd := exec.Command(filepath.Join(bin, "worker"))
	cmd.Env, cmd.Stdout, cmd.Stderr = v.environ, v.log, v.log
	worker, err := startChild(cmd)
	if err != nil {
		return err
	}
	v.worker = worker
	go func() {
		<-worker.ended
		_ = v.startWorker()
	}()
	return nil
}

// kill ends the worker as a power cut does, and returns when it is dead.
func (v *victim) kill() {
	v.mu.Lock()
	worker := v.worker
	v.mu.Unlock()
	_ = syscall.Kill(worker.Process.Pid, syscall.SIGKILL)
	<-worker.ended
}

// stayDead kills the worker for good; what stands between stays.
func (v *victim) stayDead() {
	v.mu.Lock()
	v.stopped = true
	v.mu.Unlock()
	if v.worker != nil {
		v.kill()
	}
}

// stop ends worker and trap.
func (v *victim) stop() error {
	v.stayDead()
	for _, end := range v.ends {
		end()
	}
	if v.log == nil {
		return nil
	}
	return v.log.Close()
}
