package azuritetest

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStartSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), nil, 0o666))
	t.Chdir(dir)
	_, err := Start()
	require.ErrorContains(t, err, "run make build")
	t.Chdir("/")
	_, err = Start()
	require.ErrorContains(t, err, "no go.mod")
}

func TestStopLeavesNothing(t *testing.T) {
	s, err := Start()
	require.NoError(t, err)
	_, err = s.NewContainer(t).GetProperties(t.Context(), nil)
	require.NoError(t, err)
	s.Stop()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Endpoint, nil)
	require.NoError(t, err)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		require.NoError(t, resp.Body.Close())
		t.Fatal("Azurite still answers")
	}
	require.NoDirExists(t, s.dir)
	s.Stop() // twice does no harm
}
