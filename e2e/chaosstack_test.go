package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/e2e/faultproxy"
	"github.com/durabatch/durabatch/localbatch/faults"
)

// chaosStack is a stack in which three of ten calls of Azure go wrong: those of
// Batch by its own fault plan, those of Blob, which worker, nodes and starter
// make, by a proxy before Azurite. Azurite keeps what it acknowledged when it
// is killed, as Azure Storage does.
type chaosStack struct {
	*stack
	proxy  *faultproxy.Proxy
	direct *azure.Storage // past the proxy

	plan string // file of Batch's fault plan

	mu         sync.Mutex
	containers map[string]int                    // how often each was created
	creations  map[string]map[time.Time]struct{} // of each pool and job
}

// chaosPlan is what goes wrong with three of ten calls, by this seed.
func chaosPlan(t *testing.T, seed uint64) (faults.Plan, []byte) {
	t.Helper()
	plan, err := faults.Parse(readFile(t, filepath.Join(root, "localbatch", "faults", "testdata", "chaos.json")))
	require.NoError(t, err)
	require.InDelta(t, 0.3, *plan.Requests[0].Probability, 0)
	plan.Seed = seed
	text, err := json.Marshal(plan)
	require.NoError(t, err)
	return plan, text
}

func newChaosStack(t *testing.T, seed uint64) *chaosStack {
	t.Helper()
	plan, text := chaosPlan(t, seed)
	file := filepath.Join(t.TempDir(), "faults.json")
	require.NoError(t, os.WriteFile(file, text, 0o644))
	dir, err := os.MkdirTemp("", "durabatch-e2e-")
	require.NoError(t, err)

	c := &chaosStack{plan: file, containers: map[string]int{}, creations: map[string]map[time.Time]struct{}{}}
	c.proxy = faultproxy.New(func() (*url.URL, error) { return azuriteOf(dir) }, c.answered)
	require.NoError(t, c.proxy.SetFaults(plan))
	server := httptest.NewServer(c.proxy)
	t.Cleanup(server.Close)
	c.stack = stackOf(t, &stack{
		dir:  dir,
		args: []string{"--faults", file, "--blob-endpoint", server.URL + "/durabatch"},
		more: []string{"NODE_OPTIONS=--import=file://" + filepath.Join(root, "e2e", "testdata", "durable.mjs")},
	})
	c.direct = c.pastTheProxy(t, server.URL)
	return c
}

// azuriteOf is where the Azurite of a stack listens.
func azuriteOf(dir string) (*url.URL, error) {
	text, err := os.ReadFile(filepath.Join(dir, "ports.json"))
	if err != nil {
		return nil, err
	}
	var ports struct{ Azurite int }
	if err := json.Unmarshal(text, &ports); err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", ports.Azurite)}, nil
}

func (c *chaosStack) pastTheProxy(t *testing.T, proxy string) *azure.Storage {
	t.Helper()
	azurite, err := azuriteOf(c.dir)
	require.NoError(t, err)
	connection := c.env[azure.EnvStorageConnectionString]
	require.Contains(t, connection, proxy, "worker and starter reach Blob through the proxy")
	storage, err := azure.NewStorage(azure.Config{StorageConnectionString: strings.ReplaceAll(connection, proxy, azurite.String())})
	require.NoError(t, err)
	return storage
}

// answered counts the containers that Azurite says it created, whatever the
// client heard of it.
func (c *chaosStack) answered(a faultproxy.Answer) {
	if a.Operation == "CreateContainer" && a.Status == 201 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.containers[filepath.Base(a.Path)]++
	}
}

// watchCreations notes when each pool and job was created, as often as Batch
// answers, until ctx ends.
func (c *chaosStack) watchCreations(ctx context.Context) {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			c.noteCreations(ctx)
		}
	}
}

func (c *chaosStack) noteCreations(ctx context.Context) {
	for pager := c.batch.NewListPoolsPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			break // the next look tells
		}
		for _, pool := range page.Value {
			c.note("pool "+*pool.ID, *pool.CreationTime)
		}
	}
	for pager := c.batch.NewListJobsPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			break
		}
		for _, job := range page.Value {
			c.note("job "+*job.ID, *job.CreationTime)
		}
	}
}

func (c *chaosStack) note(what string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.creations[what] == nil {
		c.creations[what] = map[time.Time]struct{}{}
	}
	c.creations[what][at] = struct{}{}
}

// requireCreatedOnce: nothing of this name was created twice.
func (c *chaosStack) requireCreatedOnce(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for what, times := range c.creations {
		require.Len(t, times, 1, "%s was created more than once", what)
	}
	for name, times := range c.containers {
		require.Equal(t, 1, times, "container %s was created more than once", name)
	}
}

// calm has nothing go wrong any more, and returns when everything answers.
func (c *chaosStack) calm(t *testing.T) {
	t.Helper()
	require.NoError(t, c.proxy.SetFaults(faults.Plan{}))
	require.NoError(t, os.WriteFile(c.plan, []byte("{}\n"), 0o644))
	c.kill(t, "batch")
	until(t, 2*time.Minute, "Batch, Blob and Temporal answer", func() bool {
		_, batch := c.batch.NewListPoolsPager(nil).NextPage(t.Context())
		_, blob := c.direct.Containers().NextPage(t.Context())
		_, temporal := c.temporal.CheckHealth(t.Context(), nil)
		return batch == nil && blob == nil && temporal == nil
	})
}

// leftovers are all pools, jobs and containers that are there.
func (c *chaosStack) leftovers(t *testing.T) (pools, jobs, containers []string) {
	t.Helper()
	for pager := c.batch.NewListPoolsPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		for _, pool := range page.Value {
			pools = append(pools, *pool.ID)
		}
	}
	for pager := c.batch.NewListJobsPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		for _, job := range page.Value {
			jobs = append(jobs, *job.ID)
		}
	}
	for pager := c.direct.Containers(); pager.More(); {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		for _, container := range page.ContainerItems {
			containers = append(containers, *container.Name)
		}
	}
	return pools, jobs, containers
}
