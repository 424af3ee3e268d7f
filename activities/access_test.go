package activities

import (
	"testing"

	"github.com/stretchr/testify/require"

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
