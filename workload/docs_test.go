package workload

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Every example of the documentation is a workload, or a part of one.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/workload.md")
	require.NoError(t, err)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(examples), 5)
	whole := examples[0][1]
	for _, example := range examples {
		var w, part map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(whole), &w))
		require.NoError(t, yaml.Unmarshal([]byte(example[1]), &part), example[1])
		for key, value := range part {
			put(w, key, value)
		}
		data, err := json.Marshal(w)
		require.NoError(t, err)
		_, err = Parse("docs/workload.md", data)
		require.NoError(t, err, example[1])
	}
}

// put gives a part of the documentation its place in a whole workload.
func put(w map[string]any, key string, value any) {
	task, pool := w["task"].(map[string]any), w["pool"].(map[string]any)
	_, several := value.([]any)
	switch {
	case key == "image":
		pool[key] = value
	case key == "task":
		for k, v := range value.(map[string]any) {
			task[k] = v
		}
	case key == "outputs" && several:
		delete(task, "output")
		task[key] = value
	case key == "command", key == "resourceFiles":
		task[key] = value
	default:
		w[key] = value
	}
}

// Every key of the schema is explained.
func TestDocumentation_isComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/workload.md")
	require.NoError(t, err)
	schemas := []any{theSchema().plain}
	for _, d := range theSchema().at("#/$defs") {
		schemas = append(schemas, d)
	}
	for _, s := range schemas {
		for _, key := range keys(s.(map[string]any)) {
			require.True(t, strings.Contains(string(text), "`"+key+"`"), "docs/workload.md does not explain %s", key)
		}
	}
}
