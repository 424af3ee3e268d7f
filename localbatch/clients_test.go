package localbatch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestJavaScriptClient has Microsoft's JavaScript SDK, of 2022-10-01.16.0, use
// the service from an empty account to an empty account.
func TestJavaScriptClient(t *testing.T) {
	t.Parallel()
	const dir = "testdata/javascript"
	require.FileExists(t, filepath.Join(dir, "node_modules", ".package-lock.json"),
		"Microsoft's JavaScript SDK is not installed; run: make test-clients")
	w := start(t)
	w.drivenBy(exec.Command("node", "main.js"), dir)
}

// TestOlderGoClient has the Go SDK of before azbatch, of 2020-09-01.12.0, use
// the service from an empty account to an empty account.
func TestOlderGoClient(t *testing.T) {
	t.Parallel()
	const dir = "testdata/go2020"
	program := filepath.Join(t.TempDir(), "go2020")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = dir
	out, err := build.CombinedOutput()
	require.NoError(t, err, "the older Go SDK could not be built; to fetch it, run: make test-clients\n%s", out)
	w := start(t)
	w.drivenBy(exec.Command(program), dir)
}

// drivenBy runs a client's program, which says itself what it does not find as
// it should be.
func (w *world) drivenBy(command *exec.Cmd, dir string) {
	w.t.Helper()
	command.Dir = dir
	command.Env = append(os.Environ(),
		"AZURE_BATCH_ENDPOINT="+w.url, "AZURE_BATCH_ACCOUNT_NAME="+account, "AZURE_BATCH_ACCOUNT_KEY="+accountKey)
	command.WaitDelay = time.Second
	begun := time.Now()
	out, err := command.CombinedOutput()
	require.NoError(w.t, err, "%s", out)
	w.t.Logf("%v, %d bytes of output", time.Since(begun), len(out))
}
