package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"
)

// Options are a Machine's settings; the zero value is usable.
type Options struct {
	// HTTPClient moves resource and output files. Redirects to another host
	// are refused whatever it says about them. Default: a client of its own.
	HTTPClient *http.Client
	// Imitate has tasks end at once with exit code 0: no process is started, no file
	// fetched or uploaded. It is for measuring what is around the tasks.
	Imitate bool
	// Logger gets what no task can be told. Default: slog.Default().
	Logger *slog.Logger
	// Path is the PATH of processes whose task sets none. Default: the usual
	// directories of the operating system.
	Path string
	// Transfers is how many files of one task move at once. Default: 4.
	Transfers int
	// Tries is how often a request to storage is made in all before its failure
	// is the task's, which nothing retries. Default: 10, which bridges some two
	// minutes without storage.
	Tries int
	// RetryDelay is the pause before a request's second try; each further one
	// is twice as long. Default: 500 ms.
	RetryDelay time.Duration
	// Identities are the managed identities that the node has: the resource id
	// of each, in any case of letters, and the storage accounts that it opens.
	Identities map[string][]StorageAccount
	// AutoStorage is the storage account that is linked to the Batch account.
	AutoStorage *StorageAccount
	// Docker is the client of the container engine that tasks' containers run
	// on: a program on the PATH, or its path. Default: docker.
	Docker string
	// WaiveElevation has elevated tasks run with the service's own rights where
	// the service does not run as root, instead of failing. Each says so in the
	// first line of its stderr.txt and, should it fail, in its failure. Default:
	// they fail, and nothing of them runs.
	WaiveElevation bool
}

// Machine runs tasks. It may run any number at the same time.
type Machine struct {
	client    *http.Client
	logger    *slog.Logger
	path      string
	transfers int
	tries     int
	delay     time.Duration
	stall     time.Duration // how long a download may stand still
	root      bool
	imitate   bool
	waive     bool

	identities  map[string][]StorageAccount
	autoStorage *StorageAccount
	docker      string
}

// NewMachine makes a Machine.
func NewMachine(opts Options) *Machine {
	m := &Machine{
		client:    confinedClient(opts.HTTPClient),
		logger:    opts.Logger,
		path:      opts.Path,
		transfers: opts.Transfers,
		tries:     opts.Tries,
		delay:     opts.RetryDelay,
		stall:     time.Minute,
		imitate:   opts.Imitate,
		root:      os.Geteuid() == 0,
		waive:     opts.WaiveElevation,

		identities:  opts.Identities,
		autoStorage: opts.AutoStorage,
		docker:      opts.Docker,
	}
	if m.logger == nil {
		m.logger = slog.Default()
	}
	if m.docker == "" {
		m.docker = "docker"
	}
	if m.path == "" {
		m.path = defaultPath
	}
	if m.transfers <= 0 {
		m.transfers = 4
	}
	if m.tries <= 0 {
		m.tries = 10
	}
	if m.delay <= 0 {
		m.delay = 500 * time.Millisecond
	}
	return m
}

// Close gives up the connections to storage that m keeps open for its next
// transfers. It ends no task.
func (m *Machine) Close() { m.client.CloseIdleConnections() }

// WaivesElevation says whether elevated tasks run without the administrator
// rights that they ask for: Options.WaiveElevation, without root.
func (m *Machine) WaivesElevation() bool { return m.waive && !m.root }

// Run runs t once, to its end, and never returns before every process of t's
// session has been sent SIGKILL: those that the command left behind as well,
// and on Linux those that left the session, as far as they have kept the
// AZ_BATCH_TASK_DIR that they were given.
//
// When ctx is done the processes are killed at once, without the chance to
// clean up that SIGTERM would give, nothing is uploaded, and the failure is
// TaskEnded. When t.MaxWallClock is over they are killed too, with a TaskEnded
// of category servererror, and the output files are uploaded as after any
// other process that did not exit with 0.
//
// onStart, if not nil, is called once the process is up and before Run waits
// for it, with the id of its process group, which is that of its session and
// of its first process too: what [ProcessIdentity] and [EndOrphan] need.
func (m *Machine) Run(ctx context.Context, t Task, onStart func(pgid int)) Result {
	r := Result{Started: time.Now()}
	if m.imitate {
		r.ExitCode, r.Ended = new(int32), time.Now()
		return r
	}
	err := m.run(ctx, t, onStart, &r)
	r.Ended = time.Now()
	r.Failure = asFailure(err)
	return r
}

func (m *Machine) run(ctx context.Context, t Task, onStart func(pgid int), r *Result) error {
	limited, cancel := withWallClock(ctx, t.MaxWallClock)
	defer cancel()

	d, err := makeDirectory(t.Dir)
	if err != nil {
		return err
	}
	defer d.close()
	if t.Refusal != nil {
		return t.Refusal
	}
	if t.Container != nil {
		contained := *t.Container
		contained.result = r
		t.Container = &contained
	}

	if err := d.copyCertificates(t.Certificates); err != nil {
		return err
	}
	if err := m.fetchCommon(limited, t.Coordination); err != nil {
		return firstOf(ended(limited), err)
	}
	if err := m.fetch(limited, d, t.ResourceFiles); err != nil {
		return firstOf(ended(limited), err)
	}
	code, err := m.execute(limited, d, t, onStart)
	if code == nil {
		return firstOf(ended(limited), err)
	}
	r.ExitCode = code
	if err := ended(ctx); err != nil {
		return err
	}
	uploadErr := m.upload(ctx, d, t, *code)
	return firstOf(ended(ctx), err, uploadErr)
}

// errWallClock is the cause of a context that a task's wall clock ended.
var errWallClock = errors.New("the task's maxWallClockTime is over")

func withWallClock(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, limit, errWallClock)
}

// ended is the failure of a task whose context is done, or nil.
//
// Batch's error table counts every TaskEnded as the user's; its page on failed
// tasks gives servererror for one that ran out of time, and this one follows
// the page because it speaks of that case alone.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	if errors.Is(context.Cause(ctx), errWallClock) {
		f := failure(TaskEnded, "The task was ended because it ran for longer than its maxWallClockTime allows")
		f.Category = ServerError
		return f
	}
	return failure(TaskEnded, "The task was ended by a request of the user or by the end of its job")
}

// asFailure makes every error one that Batch has a code for.
func asFailure(err error) *Failure {
	if err == nil {
		return nil
	}
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return failure(CommandLaunchFailed, "The task could not be run", "Message", err.Error())
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
