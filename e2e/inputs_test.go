package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// Pieces of workload files.
const (
	image = "image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, version: latest}, nodeAgentSku: batch.node.ubuntu 24.04"
	// mp3 is the tutorial's task.
	mp3 = `task: {command: "ffmpeg -nostdin -loglevel error -y -i {{input}} {{output}}", output: "{{stem}}.mp3", maxRetries: 2}`
)

// poolOf is the pool of a workload file: so many spot nodes.
func poolOf(nodes int) string {
	return fmt.Sprintf("pool: {vmSize: Standard_A1_v2, %s, spotNodes: %d}", image, nodes)
}

// writeWorkload writes a workload file beside InputFiles in dir.
func writeWorkload(t *testing.T, dir string, sections ...string) string {
	t.Helper()
	file := filepath.Join(dir, "workload.yaml")
	require.NoError(t, os.WriteFile(file, []byte("name: e2e\n"+strings.Join(sections, "\n")+"\n"), 0o644))
	return file
}

// writeInput puts a file of that name below InputFiles in dir.
func writeInput(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, "InputFiles", name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, content, 0o644))
}

// removeInput removes what writeInput wrote.
func removeInput(t *testing.T, dir, name string) {
	t.Helper()
	require.NoError(t, os.Remove(filepath.Join(dir, "InputFiles", name)))
}

// numbered is the name of the n-th of many inputs.
func numbered(n int) string { return fmt.Sprintf("clip-%03d.txt", n) }

// writeNumbered writes so many small inputs, each with another content, and
// returns their names.
func writeNumbered(t *testing.T, dir string, files int) []string {
	t.Helper()
	names := make([]string, files)
	for n := range files {
		names[n] = numbered(n)
		writeInput(t, dir, names[n], []byte("content of "+names[n]+"\n"))
	}
	return names
}

// samples are the videos of the example, in the order of their names.
func samples(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "examples", "ffmpeg", "InputFiles", "*.mp4"))
	require.NoError(t, err)
	require.Len(t, found, 5)
	return found
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// duration is the length of a video or a sound in seconds.
func duration(t *testing.T, path string) float64 {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", "file:"+path).Output()
	require.NoError(t, err, path)
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	require.NoError(t, err)
	return seconds
}

// directly is what ffmpeg makes of a video without any of our doing.
func directly(t *testing.T, video string) []byte {
	t.Helper()
	output := filepath.Join(t.TempDir(), "direct.mp3")
	out, err := exec.Command("ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", video, output).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return readFile(t, output)
}

// outputsIn are the paths of all files below dir, slash-separated.
func outputsIn(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			if name != workload.ReportFile {
				names = append(names, filepath.ToSlash(name))
			}
		}
		return err
	})
	require.NoError(t, err)
	return names
}
