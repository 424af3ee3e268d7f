package localbatch

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// Options are the settings of a Service. DataDir, AccountName and AccountKey
// are required.
type Options struct {
	// DataDir holds the service's database and its nodes' directories. One
	// service at a time can use it.
	DataDir string
	// AccountName and AccountKey (base64, as Azure shows it) are what clients
	// sign their requests with. LoadOrCreateKey makes a key.
	AccountName string
	AccountKey  string
	// BearerTokens are accepted in the place of a signature, each by its very
	// value; what Entra ID has to do with them is for their user to know. Whoever
	// has one can do all that the account key can. Default: none.
	BearerTokens []string
	// PublicURL is the address clients reach the service at, such as
	// http://127.0.0.1:10500. It begins the URLs in answers, and tasks get it
	// as AZ_BATCH_ACCOUNT_URL. Default: in answers, whatever address the client
	// used; for tasks, none.
	PublicURL string
	// Hosts are further names, without port, that requests may be addressed to.
	// Loopback addresses, localhost, the listen address and PublicURL's host
	// always may; any other Host header is refused, since it is how a web page
	// reaches for a service on its reader's machine.
	Hosts []string
	// BootTime is how long a node is "starting" before its start task. Default: none.
	BootTime time.Duration
	// MaxNodes is the account's quota of nodes. Default: 1000.
	MaxNodes int
	// AutoScaleInterval is how often autoscale formulas are evaluated, whatever
	// the pools' autoScaleEvaluationInterval, for tests that cannot wait for
	// five minutes. Samples are taken, and enableautoscale can be called, as
	// often, if that is more often than every 30 s. Default: as pools say.
	AutoScaleInterval time.Duration
	// Clock is what the service has time from. Default: the system's.
	Clock Clock
	// Quotas are the account's. Default: none. A fault plan can set others.
	Quotas faults.Quotas
	// Faults is the fault plan that the service begins with. Default: the one that
	// the service before it on DataDir had from SetFaults and was not told to end;
	// otherwise nothing goes wrong.
	Faults faults.Plan
	// Identities are the managed identities that nodes have: the resource id of
	// each, and the storage accounts that it opens to resource and output files.
	// An identity that is not here opens none.
	Identities map[string][]node.StorageAccount
	// AutoStorage is the storage account that is linked to the Batch account:
	// resource files name containers of it by autoStorageContainerName.
	AutoStorage *node.StorageAccount
	// Machine runs the tasks. Its Identities and AutoStorage are those above.
	Machine node.Options
	// Logger is where the service reports. What looks like a secret is masked on
	// the way there. Default: slog.Default().
	Logger *slog.Logger
}

// Service is one running Batch service.
type Service struct {
	opts    Options
	key     []byte
	tokens  [][sha256.Size]byte
	public  *url.URL // nil when not set
	log     *slog.Logger
	clock   clock
	store   *store.Store
	machine *node.Machine
	handler http.Handler

	ctx        context.Context // done when the service closes; ends every process
	cancel     context.CancelFunc
	background sync.WaitGroup

	runs      runs
	records   records
	jobTasks  jobTasks
	boots     boots
	deadlines timers // of jobs
	comebacks timers // of nodes that are down
	resizes   timers // of pools
	mishaps   timers // of nodes, by the fault plan
	schedules timers // of job schedules
	nodeLogs  nodeLogs
	elevated  chan struct{} // holds one token while an elevated start task runs
	retention retention
	faults    atomic.Pointer[faults.Injector] // the plan in force
	kept      atomic.Pointer[faults.Injector] // the same, if the next service goes on with it
	counts    countLag

	evaluations timers // of the formulas of pools
	sampling    timers // one, of the next samples
	histories   histories
	processors  processors

	settingFaults sync.Mutex

	mu      sync.Mutex
	closed  bool
	hosts   map[string]bool
	servers map[*http.Server]struct{}
}

// New opens the data directory and takes up what an earlier service left:
// orphaned processes are ended, running tasks requeued, nodes started again.
func New(opts Options) (*Service, error) {
	s := &Service{
		opts:      opts,
		log:       opts.Logger,
		elevated:  make(chan struct{}, 1),
		retention: retention{wake: make(chan struct{}, 1)},
		hosts:     map[string]bool{},
		servers:   map[*http.Server]struct{}{},
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.log = withoutSecrets(s.log, append([]string{opts.AccountKey}, opts.BearerTokens...)...)
	if s.clock.Clock = opts.Clock; s.clock.Clock == nil {
		s.clock.Clock = systemClock{}
	}
	if s.opts.MaxNodes <= 0 {
		s.opts.MaxNodes = 1000
	}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("start the Batch service: %w", err)
	}
	if s.opts.Machine.Logger == nil {
		s.opts.Machine.Logger = s.log
	}
	s.opts.Machine.Identities, s.opts.Machine.AutoStorage = s.opts.Identities, s.opts.AutoStorage
	s.machine = node.NewMachine(s.opts.Machine)
	if s.machine.WaivesElevation() {
		s.log.Warn("tasks that ask for administrator rights run without them, as the service was told to: it does not run as root")
	}
	var err error
	if s.store, err = store.Open(s.opts.DataDir); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.records.write = s.writeRecords
	s.handler = s.routes()
	if err := s.startFaults(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the Batch service: %w", err), s.Close())
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("take up the state in %s: %w", s.opts.DataDir, err), s.Close())
	}
	s.spawn(s.removeOldFiles)
	s.planSamples(s.clock.now())
	return s, nil
}

func (s *Service) configure() error {
	if s.opts.AccountName == "" {
		return errors.New("the account name is missing")
	}
	var err error
	if s.key, err = base64.StdEncoding.DecodeString(s.opts.AccountKey); err != nil || len(s.key) == 0 {
		return errors.New("the account key is not base64") // without the key itself
	}
	for _, token := range s.opts.BearerTokens {
		if strings.TrimSpace(token) == "" {
			return errors.New("a bearer token is empty")
		}
		s.tokens = append(s.tokens, sha256.Sum256([]byte(strings.TrimSpace(token))))
	}
	s.opts.BearerTokens = nil // nothing needs them in clear from here on
	if s.opts.DataDir == "" {
		return errors.New("the data directory is missing")
	}
	if s.opts.DataDir, err = filepath.Abs(s.opts.DataDir); err != nil {
		return err
	}
	s.nodeLogs.dir, s.nodeLogs.log = filepath.Join(s.opts.DataDir, "nodelogs"), s.log
	for _, dir := range []string{s.opts.DataDir, s.nodesDir(), s.trashDir(), s.nodeLogs.dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	spread(s.nodesDir())
	for _, name := range append([]string{"localhost"}, s.opts.Hosts...) {
		s.hosts[strings.ToLower(name)] = true
	}
	if s.opts.PublicURL == "" {
		return nil
	}
	s.public, err = url.Parse(strings.TrimSuffix(s.opts.PublicURL, "/"))
	if err != nil || s.public.Host == "" {
		return fmt.Errorf("the public URL %q is not an absolute URL", s.opts.PublicURL)
	}
	s.hosts[strings.ToLower(s.public.Hostname())] = true
	return nil
}

// Handler answers the service's requests.
func (s *Service) Handler() http.Handler { return s.handler }

// Serve answers requests on listener until ctx is done or the service is
// closed; both end it with nil.
func (s *Service) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if !s.track(server, listener) {
		return listener.Close()
	}
	stop := context.AfterFunc(ctx, func() { s.shutdown(server) })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve Batch on %s: %w", listener.Addr(), err)
	}
	return nil
}

// track lets Close find the server; false: the service is closed already.
func (s *Service) track(server *http.Server, listener net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.servers[server] = struct{}{}
	if host, _, err := net.SplitHostPort(listener.Addr().String()); err == nil {
		s.hosts[host] = true
	}
	return true
}

// shutdown lets requests that are being answered finish, for a moment.
func (s *Service) shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // its listener is closed already, which is all it could complain about
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.servers, server)
}

// Close stops serving, ends every process of the service and waits until they
// are gone. Tasks that were running are requeued by the next service.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	var servers []*http.Server
	for server := range s.servers {
		servers = append(servers, server)
	}
	s.mu.Unlock()
	for _, server := range servers {
		s.shutdown(server)
	}
	s.cancel()
	s.deadlines.stop()
	s.comebacks.stop()
	s.resizes.stop()
	s.mishaps.stop()
	s.schedules.stop()
	s.evaluations.stop()
	s.sampling.stop()
	s.background.Wait()
	s.nodeLogs.close()
	var err error
	if s.kept.Load() != nil {
		err = s.storeFaults() // requests were answered meanwhile
	}
	// What left its task's session, as setsid(1) lets it, ends at the latest here.
	return errors.Join(err, node.EndOrphansBelow(s.nodesDir()), s.store.Close())
}

// spawn runs f beside everything else; Close waits for it.
func (s *Service) spawn(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.background.Go(f)
}

func (s *Service) nodesDir() string { return filepath.Join(s.opts.DataDir, "nodes") }
func (s *Service) trashDir() string { return filepath.Join(s.opts.DataDir, "trash") }
