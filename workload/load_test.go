package workload

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const small = `name: small
inputs: {dir: in}
pool: {id: p}
task: {command: "cp {{input}} {{output}}", output: "{{name}}"}
outputs: {dir: ../out}
`

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "work", "w.yaml")
	write(t, file, small)
	write(t, filepath.Join(dir, "work", "in", "a.txt"), "a")

	w, err := Load(file)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "work", "in"), w.Inputs.Dir)
	require.Equal(t, filepath.Join(dir, "out"), w.Outputs.Dir)
	require.NoError(t, w.RequireAbsolute())

	absolute := strings.ReplaceAll(small, "dir: in", "dir: "+filepath.Join(dir, "work", "in"))
	write(t, file, absolute)
	w, err = Load(file)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "work", "in"), w.Inputs.Dir)
}

func TestLoad_refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a-file"), "x")
	for _, tt := range []struct{ name, text, want string }{
		{"missing directory", small, "missing-directory.yaml:2: inputs.dir: " + filepath.Join(dir, "in") + " cannot be read: no such file or directory"},
		{"input that is a file", strings.Replace(small, "dir: in", "dir: a-file", 1), "a-file cannot be read: not a directory"},
		{"output that is a file", strings.NewReplacer("dir: in", "dir: .", "../out", "a-file").Replace(small), "outputs.dir: " + filepath.Join(dir, "a-file") + " is not a directory"},
		{"junk", strings.Repeat("junk\n", 2<<20), "is larger than 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, strings.ReplaceAll(tt.name, " ", "-")+".yaml")
			write(t, file, tt.text)
			_, err := Load(file)
			require.ErrorContains(t, err, tt.want)
			require.ErrorAs(t, err, new(Problems))
		})
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent.yaml"): "absent.yaml: cannot be read: no such file or directory",
		dir:                               "cannot be read: is a directory",
	} {
		_, err := Load(path)
		require.ErrorContains(t, err, want)
		require.ErrorAs(t, err, new(Problems))
	}
}

// A directory of another machine is not looked for on this one.
func TestLoad_otherHost(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "w.yaml")
	write(t, file, strings.Replace(small, "dir: in", "dir: /not/here, host: elsewhere", 1))
	w, err := Load(file)
	require.NoError(t, err)
	require.Equal(t, "/not/here", w.Inputs.Dir)
}

func TestDocument(t *testing.T) {
	t.Parallel()
	w, err := Parse("w.yaml", []byte(strings.NewReplacer("dir: in", "dir: /in, host: here", "../out", "/out").Replace(small)))
	require.NoError(t, err)

	text, err := json.Marshal(DocumentOf(w))
	require.NoError(t, err)
	var d Document
	require.NoError(t, json.Unmarshal(text, &d))
	again, err := d.Parse()
	require.NoError(t, err)
	require.Equal(t, w, again)
}

// A document by hand meets the rules of a file.
func TestDocument_refuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{`null`, "is empty"},
		{`[]`, "must be a group of keys"},
		{`"x"`, "must be a group of keys"},
		{`{"name":"a","inputs":{"dir":"/in"},"pool":{"id":"p"},"task":{"command":"true {{input}}","output":"x","retries":1}}`,
			"task.retries: unknown key; did you mean maxRetries?"},
		{`{"name":"a","inputs":{"dir":"in"},"pool":{"id":"p"},"task":{"command":"true {{input}}","output":"x"},"outputs":{"dir":"out"}}`,
			"inputs.dir: \"in\" is relative, but to nothing: write the absolute path\noutputs.dir: "},
		{`{"name":"a","inputs":{"dir":"/in"},"pool":{"id":"p"},"task":{"command":"true {{input}}","output":"x"}}`,
			"inputs.host: is required"},
		{`{"name":"a","inputs":{"container":"videos"},"pool":{"id":"p"},"task":{"command":"true {{input}}","output":"x"},"outputs":{"dir":"/out"}}`,
			"inputs.host: is required"},
	} {
		var d Document
		require.NoError(t, json.Unmarshal([]byte(tt.text), &d))
		_, err := d.Parse()
		require.ErrorContains(t, err, tt.want)
		require.ErrorAs(t, err, new(Problems))
	}
	_, err := Document{}.Parse()
	require.ErrorContains(t, err, "is empty")
}

// Text that a person gave is kept: what the workflow refuses can be shown as it
// was written.
func TestDocument_keepsTheText(t *testing.T) {
	t.Parallel()
	const text = `{"unknown":1,"name":"a","name":"b","n":1.50}`
	var d Document
	require.NoError(t, json.Unmarshal([]byte(text), &d))
	out, err := json.Marshal(d)
	require.NoError(t, err)
	require.Equal(t, text, string(out))
}
