package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/workload"
)

const identityOfNodes = "/subscriptions/one/resourceGroups/media/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nodes"

func withIdentity(o *localbatch.Options) {
	o.Identities = map[string][]node.StorageAccount{
		identityOfNodes: {{Endpoint: azurite.Endpoint, Name: azurite.Account, Key: azurite.Key}},
	}
}

// TestNodesWithAnIdentityNeedNoSignature lets tasks run from their inputs to
// their results, on a pool of the user's, and looks at all that Batch was told.
func TestNodesWithAnIdentityNeedNoSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withIdentity)
	pool := w.poolInput(1)
	require.NoError(t, do(w, w.CreatePool, pool))

	tools := azurite.NewContainer(t)
	_, err := tools.NewBlockBlobClient("one.txt").UploadBuffer(t.Context(), []byte("tool"), nil)
	require.NoError(t, err)
	name := tools.URL()[len(azurite.Endpoint)+1:]
	w.task.Command = "cat {{input}} one.txt all/one.txt > {{output}}"
	w.task.ResourceFiles = []workload.ResourceFile{{Container: name, Blob: "one.txt"}, {Container: name, Path: "all"}}
	w.write("a b.txt")
	access := w.access()
	access.Identity = identityOfNodes

	scan := w.scanInput()
	scan.Access = access
	scanned := mustRun(w, w.Scan, scan)
	mustRun(w, w.Upload, w.uploadInput(scanned))
	pool.Pool = workload.Pool{ID: w.id, Identity: identityOfNodes}
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))
	submit := w.submitInput(scanned.Files)
	submit.Access = access
	mustRun(w, w.Submit, submit)
	require.Nil(t, mustRun(w, w.Wait, w.waitInput(scanned.Files)).Failure)
	mustRun(w, w.Gather, w.gatherInput(scanned.Files))

	result := w.results()[0]
	require.Equal(t, workload.TaskSucceeded, result.State, "%+v", result.Failure)
	require.EqualValues(t, len("a b.txttooltool"), result.Outputs[0].Size)
	require.NotEmpty(t, result.Logs, "logs go the way of outputs")
	require.Contains(t, w.calls.said(), "identityReference")
	require.NotContains(t, w.calls.said(), "sig=")
}

// TestAPoolWithoutTheIdentityIsRefused before anything runs there.
func TestAPoolWithoutTheIdentityIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withIdentity)
	pool := w.poolInput(0)
	require.NoError(t, do(w, w.CreatePool, pool))
	pool.Pool = workload.Pool{ID: w.id, Identity: identityOfNodes + "2"}
	err := do(w, w.CreatePool, pool)
	requireRefused(w, err, InvalidWorkload)
	require.ErrorContains(t, err, "pool.identity")
}

// TestSignaturesThatEndBeforeTheRun are refused with the sum, before anything
// is asked of Azure; only those of Entra ID end by themselves.
func TestSignaturesThatEndBeforeTheRun(t *testing.T) {
	t.Parallel()
	entra, err := azure.NewStorage(azure.Config{StorageBlobEndpoint: "https://127.0.0.1:1/account"})
	require.NoError(t, err)
	long := AccessFor(time.Now(), workload.Duration(100*time.Hour), workload.Duration(100*time.Hour+10*time.Minute), "")
	scan := func(w *world, access Access) error {
		in := w.scanInput()
		in.Access = access
		_, err := run(w, w.Scan, in)
		return err
	}
	t.Run("Entra ID", func(t *testing.T) {
		w := newWorld(t)
		w.write("a.txt")
		w.Storage = entra
		err := scan(w, long)
		requireRefused(w, err, InvalidWorkload)
		require.ErrorContains(t, err, "201h10m0s (timeout 100h + job.timeout 100h10m + margin 1h)")
		require.ErrorContains(t, err, "last 167h50m0s at most")
		for _, way := range []string{"shorten", azure.EnvStorageConnectionString, "pool.identity"} {
			require.ErrorContains(t, err, way)
		}
		require.Empty(t, w.calls.made)
	})
	t.Run("an account key", func(t *testing.T) {
		w := newWorld(t)
		w.write("a.txt")
		require.NoError(t, scan(w, long))
	})
	t.Run("Entra ID and an identity of the nodes", func(t *testing.T) {
		w := newWorld(t)
		w.Storage = entra
		long.Identity = identityOfNodes
		require.NoError(t, w.checkAccess(t.Context(), ScanInput{OutputContainer: w.out(), Access: long}))
	})
}
