package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/durabatch/durabatch/localbatch"
)

// patience is how long a part may take to answer for the first time: several
// times what a cold cache on a slow disk needs.
const patience = 60 * time.Second

// stack is what one data directory holds and runs.
type stack struct {
	dir        string // absolute
	programs   programs
	ports      ports
	storageKey string
	batchKey   string
	base       []string // the parts' environment, before what is theirs
	faults     string   // file of the Batch service's fault plan; empty: none
	blobFront  string   // endpoint of what stands before Azurite; empty: nothing does
	lock       *os.File
	held       reservations
	supervisor *supervisor
	page       *http.Server // nil until it is served

	waiveElevation bool // the Batch service runs elevated tasks without root, too
}

// openStack takes dir for a new stack: it locks it, ends what an earlier stack
// left running on it, and has keys and ports ready. Nothing runs yet. blobFront
// is the endpoint of what stands before Azurite, if anything does.
func openStack(ctx context.Context, dir, blobFront string, c console) (*stack, error) {
	programs, err := findPrograms(c.env)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(c.stderr, nil))
	s := &stack{
		dir:       dir,
		programs:  programs,
		blobFront: blobFront,
		base:      withoutForeign(c.env),
		supervisor: &supervisor{
			dir: dir, log: log, backoff: doubling, patience: patience,
		},
	}
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, log); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stack) prepare(ctx context.Context, log *slog.Logger) error {
	err := endOrphans(ctx, s.dir, stopOrder, log)
	if err != nil {
		return err
	}
	if s.storageKey, err = loadKey(filepath.Join(s.dir, "azurite.key")); err != nil {
		return err
	}
	if s.batchKey, err = localbatch.LoadOrCreateKey(filepath.Join(s.dir, batchPart)); err != nil {
		return err
	}
	if s.ports, s.held, err = choosePorts(s.dir); err != nil {
		return err
	}
	for _, name := range stopOrder {
		if err := setLogAside(filepath.Join(s.dir, name+".log")); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(s.dir, azuritePart), 0o700); err != nil {
		return err
	}
	return writeFile(filepath.Join(s.dir, "env"), envFile(s.variables()))
}

// setLogAside keeps the log of the stack before this one, and no older one.
func setLogAside(path string) error {
	if err := os.Rename(path, path+".old"); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// start starts every part and returns when the worker polls. The Batch service
// waits for Azurite: tasks that it takes up again fetch their files at once.
func (s *stack) start(ctx context.Context) error {
	if err := s.servePage(); err != nil {
		return err
	}
	for _, together := range [][]part{{s.temporal(), s.azurite()}, {s.batch()}, {s.worker()}} {
		if err := s.supervisor.start(ctx, together...); err != nil {
			return err
		}
	}
	return nil
}

// close stops every part, at once when somebody asks for the second time, and
// gives the directory free.
func (s *stack) close() {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals...)
	defer stop()
	s.supervisor.stop(ctx)
	if s.page != nil {
		_ = s.page.Close() // it only reads
	}
	s.held.close()
	s.lock.Close()
}

func (s *stack) batchEndpoint() string { return "http://" + loopback(s.ports.Batch) }

func (s *stack) blobEndpoint() string {
	return "http://" + loopback(s.ports.Azurite) + "/" + storageAccount
}

func (s *stack) metricsAddress() string { return "http://" + loopback(s.ports.Worker) + "/metrics" }

func (s *stack) pageAddress() string { return "http://" + loopback(s.ports.Page) }

func (s *stack) uiAddress() string { return "http://" + loopback(s.ports.UI) }

// variables are what points a worker, starter and the Temporal CLI at the stack.
func (s *stack) variables() []variable {
	connection := fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=%s;",
		storageAccount, s.storageKey, cmp.Or(s.blobFront, s.blobEndpoint()))
	return []variable{
		{"AZURE_BATCH_ENDPOINT", s.batchEndpoint()},
		{"AZURE_BATCH_ACCOUNT_NAME", batchAccount},
		{"AZURE_BATCH_ACCOUNT_KEY", s.batchKey},
		{"AZURE_STORAGE_CONNECTION_STRING", connection},
		{"TEMPORAL_ADDRESS", loopback(s.ports.Temporal)},
		{"TEMPORAL_NAMESPACE", namespace},
		// Profiles of the user's may hold another server's TLS and API key.
		{"TEMPORAL_CONFIG_FILE", os.DevNull},
		{"DURABATCH_UI", s.uiAddress()},
		{"DURABATCH_METRICS", s.metricsAddress()},
		{"DURABATCH_PAGE", s.pageAddress()},
	}
}

// elevationNote is what people are told of tasks that ask for administrator
// rights; nothing, where they get them.
func elevationNote(root, waived bool) string {
	switch {
	case root:
		return ""
	case waived:
		return "You are not root: tasks that ask for administrator rights, as start tasks that install something do, run with your own instead, and say so in their stderr.txt.\n"
	default:
		return "You are not root: tasks that ask for administrator rights fail.\n"
	}
}

// describe tells people where everything is.
func (s *stack) describe(w io.Writer) {
	fmt.Fprintf(w, "temporal  %s, web UI %s\n", loopback(s.ports.Temporal), s.uiAddress())
	fmt.Fprintf(w, "azurite   %s\n", s.blobEndpoint())
	fmt.Fprintf(w, "batch     %s\n", s.batchEndpoint())
	fmt.Fprintf(w, "metrics   %s\n", s.metricsAddress())
	fmt.Fprintf(w, "page      %s (what runs now, in a browser)\n", s.pageAddress())
	fmt.Fprintf(w, "data      %s (logs: *.log; for a shell: . %s)\n", s.dir, filepath.Join(s.dir, "env"))
}
