package activities

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestAManifestOfTheUsers from a file and from a blob, with items in a
// container, at an address, and with variables, one task each and in a group.
func TestAManifestOfTheUsers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("of the web")) }))
	t.Cleanup(server.Close)
	text := `{"blob": "x/a b.txt", "vars": {"lang": "d'e", "n": 1}}
{"name": "web.txt", "url": "` + server.URL + `/any", "vars": {"lang": "fr", "n": 2}}
`
	for name, files := range map[string]int32{"a task each": 1, "in a group": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.task = workload.Task{Command: "(cat {{input}}; echo {{var.lang}} {{var.n}}) > {{output}}", Output: "{{stem}}.{{var.n}}.out", Files: files}
			w.inContainer("x/a b.txt", "items.jsonl")
			_, err := w.Storage.Container(w.in()).NewBlockBlobClient("items.jsonl").UploadBuffer(t.Context(), []byte(text), nil)
			require.NoError(t, err)
			scan := w.scanInput()
			scan.Inputs = workload.Inputs{Container: w.in(), Manifest: "items.jsonl"}
			if files > 1 {
				path := filepath.Join(t.TempDir(), "items.jsonl")
				require.NoError(t, os.WriteFile(path, []byte(`{"container": "`+w.in()+`", `+text[1:]), 0o600))
				scan.Inputs = workload.Inputs{Manifest: path}
			}
			require.Equal(t, int64(2), mustRun(w, w.Scan, scan).Files)
			require.NoError(t, do(w, w.CreatePool, w.poolInput(1)))
			require.NoError(t, do(w, w.CreateJob, w.jobInput()))
			submit := w.submitInput(2)
			submit.FollowList, submit.InputContainer = true, scan.Inputs.Container
			mustRun(w, w.Submit, submit)
			require.Nil(t, mustRun(w, w.Wait, w.waitInput(2)).Failure)
			gather := w.gatherInput(2)
			gather.InputContainer = scan.Inputs.Container
			require.EqualValues(t, 2, mustRun(w, w.Gather, gather).Counts.Succeeded)
			results := w.results()
			require.Equal(t, "x/a b.1.out", results[0].Outputs[0].Name)
			require.EqualValues(t, len("d'e 1\n"), results[0].Outputs[0].Size)
			require.Equal(t, "web.2.out", results[1].Outputs[0].Name)
			require.EqualValues(t, len("of the webfr 2\n"), results[1].Outputs[0].Size)
		})
	}
}

func TestAManifestThatCannotBeRunIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "items.jsonl")
	for text, want := range map[string]string{
		"":                         "names no file",
		`{"blob": "a.txt"}` + "\n": "line 1: needs container",
		`{"blob":"a.txt","container":"in1"}` + "\n" + `{"blob":"a.mp4","container":"in1"}`: "line 2: input \"a.mp4\" and input \"a.txt\" would both write",
		`{"blob":"a.txt","container":"in1"}` + "\n" + `{"blob":"a.txt","container":"in2"}`: "line 2: name \"a.txt\"",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		scan := w.scanInput()
		scan.Inputs = workload.Inputs{Manifest: path}
		_, err := run(w, w.Scan, scan)
		requireRefused(w, err, InvalidWorkload)
		require.ErrorContains(t, err, want)
		require.False(t, w.hasContainer(w.out()), "nothing is created")
	}
	scan := w.scanInput()
	scan.Inputs = workload.Inputs{Manifest: "/nowhere/items.jsonl"}
	_, err := run(w, w.Scan, scan)
	requireRefused(w, err, InvalidWorkload)
	scan.Inputs = workload.Inputs{Container: "nowhere", Manifest: "items.jsonl"}
	_, err = run(w, w.Scan, scan)
	requireRefused(w, err, InvalidWorkload)
}
