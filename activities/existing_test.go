package activities

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestATaskThatIsThereIsCompared in all that it does, and in nothing that
// differs from attempt to attempt.
func TestATaskThatIsThereIsCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task.Environment = map[string]string{"A": "1", "B": "2"}
	w.task.ResourceFiles = []workload.ResourceFile{{Container: "models", Prefix: "small/"}, {Container: "models", Blob: "weights"}}
	scanned := w.prepared(0, "a.txt")
	mustRun(w, w.Submit, w.submitInput(scanned.Files))
	mine := func() azbatch.CreateTaskContent {
		in := w.submitInput(scanned.Files)
		require.NoError(t, w.signOutputs(t.Context(), &in))
		inputs, _, err := w.inputParts(w.out(), manifestPrefix).Read(t.Context(), 0)
		require.NoError(t, err)
		body, err := w.taskBody(t.Context(), in, inputs[0])
		require.NoError(t, err)
		return body
	}
	for name, change := range map[string]func(*azbatch.CreateTaskContent){
		"nothing": nil,
		"the order of its variables": func(c *azbatch.CreateTaskContent) {
			e := c.EnvironmentSettings
			e[0], e[1] = e[1], e[0]
		},
		"its command":        func(c *azbatch.CreateTaskContent) { c.CommandLine = to.Ptr("true") },
		"a variable":         func(c *azbatch.CreateTaskContent) { c.EnvironmentSettings[1].Value = to.Ptr("3") },
		"one variable more":  func(c *azbatch.CreateTaskContent) { c.EnvironmentSettings = c.EnvironmentSettings[:1] },
		"whom it runs as":    func(c *azbatch.CreateTaskContent) { c.UserIdentity = userIdentity(true) },
		"an account by name": func(c *azbatch.CreateTaskContent) { c.UserIdentity = &azbatch.UserIdentity{Username: to.Ptr("app")} },
		"a container": func(c *azbatch.CreateTaskContent) {
			c.ResourceFiles[0].StorageContainerURL = to.Ptr("https://x/y?sig=z")
		},
		"a prefix":             func(c *azbatch.CreateTaskContent) { c.ResourceFiles[0].BlobPrefix = to.Ptr("large/") },
		"a blob":               func(c *azbatch.CreateTaskContent) { c.ResourceFiles[1].HTTPURL = to.Ptr("https://x/y/z") },
		"where a blob goes":    func(c *azbatch.CreateTaskContent) { c.ResourceFiles[1].FilePath = to.Ptr("elsewhere") },
		"where an output is":   func(c *azbatch.CreateTaskContent) { c.OutputFiles[1].FilePattern = to.Ptr("b.out") },
		"where an output goes": func(c *azbatch.CreateTaskContent) { c.OutputFiles[1].Destination.Container.Path = to.Ptr("b") },
	} {
		t.Run(name, func(t *testing.T) {
			task := mine()
			if change != nil {
				change(&task)
			}
			err := w.tasksAreOurs(t.Context(), w.id, []azbatch.CreateTaskContent{task})
			if name == "nothing" || name == "the order of its variables" {
				require.NoError(t, err)
				return
			}
			requireRefused(w, err, NotOurs)
		})
	}
}
