package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/transfer/azuritetest"
)

// stack is Temporal, Azurite and a worker in processes of their own, and a Batch
// service in this one that counts its calls.
type stack struct {
	temporal   client.Client
	batch      *azbatch.Client
	storage    *azure.Storage
	azure      azure.Config
	calls      atomic.Int64
	keep       *kept // when bodies are kept
	worker     *exec.Cmd
	env        []string
	bin        string
	connection string // of the storage account
	log        io.Writer
	stops      []func() error
}

// start starts all of it. With imitate, the tasks are no processes.
func start(ctx context.Context, bin, dir string, imitate bool, say io.Writer) (*stack, error) {
	s := &stack{bin: bin, log: say}
	if err := s.startAll(ctx, dir, imitate); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *stack) startAll(ctx context.Context, dir string, imitate bool) error {
	server, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		ExistingPath: filepath.Join(s.bin, "temporal"), DBFilename: filepath.Join(dir, "temporal.db"), LogLevel: "error", Stdout: io.Discard, Stderr: io.Discard,
		ClientOptions: &client.Options{Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))},
	})
	if err != nil {
		return fmt.Errorf("start Temporal: %w", err)
	}
	s.stops = append(s.stops, server.Stop)
	s.temporal = server.Client()
	azurite, err := azuritetest.Start()
	if err != nil {
		return fmt.Errorf("start Azurite: %w", err)
	}
	s.stops = append(s.stops, func() error { azurite.Stop(); return nil })
	cfg := azure.Config{
		BatchAccountName: "bench", BatchAccountKey: base64.StdEncoding.EncodeToString([]byte("known to this program alone")),
		StorageConnectionString: azurite.ConnectionString(),
	}
	if err := s.serveBatch(dir, &cfg, imitate); err != nil {
		return err
	}
	s.azure, s.connection = cfg, azurite.ConnectionString()
	if s.batch, err = azure.NewBatch(cfg); err != nil {
		return err
	}
	if s.storage, err = azure.NewStorage(cfg); err != nil {
		return err
	}
	s.env = append(os.Environ(),
		"AZURE_BATCH_ENDPOINT="+cfg.BatchEndpoint, "AZURE_BATCH_ACCOUNT_NAME="+cfg.BatchAccountName, "AZURE_BATCH_ACCOUNT_KEY="+cfg.BatchAccountKey,
		"AZURE_STORAGE_CONNECTION_STRING="+cfg.StorageConnectionString, "TEMPORAL_ADDRESS="+server.FrontendHostPort(), "TEMPORAL_NAMESPACE=default")
	return s.startWorker()
}

func (s *stack) serveBatch(dir string, cfg *azure.Config, imitate bool) error {
	service, err := localbatch.New(localbatch.Options{
		DataDir: filepath.Join(dir, "batch"), AccountName: cfg.BatchAccountName, AccountKey: cfg.BatchAccountKey,
		Machine: node.Options{Imitate: imitate}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, service.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg.BatchEndpoint = "http://" + listener.Addr().String()
	handler := service.Handler()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		if s.keep != nil && s.keep.read(r) != nil {
			return // the client has gone
		}
		handler.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }() // until it is closed
	s.stops = append(s.stops, server.Close)
	return nil
}

// startWorker starts a worker, whose memory then is that of what it does next.
func (s *stack) startWorker() error {
	s.worker = exec.Command(filepath.Join(s.bin, "worker"))
	s.worker.Env, s.worker.Stdout, s.worker.Stderr = s.env, io.Discard, io.Discard
	if err := s.worker.Start(); err != nil {
		return fmt.Errorf("%w; make build makes it", err)
	}
	return nil
}

func (s *stack) stopWorker() error {
	if s.worker == nil {
		return nil
	}
	worker := s.worker
	s.worker = nil
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the worker had ended: %w", err)
	}
	return worker.Wait()
}

// stop ends everything, the last first.
func (s *stack) stop() error {
	err := s.stopWorker()
	for i := len(s.stops) - 1; i >= 0; i-- {
		err = errors.Join(err, s.stops[i]())
	}
	return err
}
