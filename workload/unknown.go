package workload

import (
	"fmt"
	"slices"
	"strings"
)

// azureWords are what Azure calls things that have a shorter name here.
var azureWords = map[string]string{
	"commandLine":            "command",
	"containerUrl":           "container",
	"environmentSettings":    "environment",
	"filePath":               "path",
	"filePattern":            "pattern",
	"fileMode":               "mode",
	"httpUrl":                "url",
	"imageReference":         "image",
	"lowPriorityNodes":       "spotNodes",
	"maxTaskRetryCount":      "maxRetries",
	"maxWallClockTime":       "timeout",
	"nodeAgentSKUId":         "nodeAgentSku",
	"outputFiles":            "outputs",
	"requiredSlots":          "slots",
	"retentionTime":          "retention",
	"retries":                "maxRetries",
	"targetDedicatedNodes":   "dedicatedNodes",
	"targetLowPriorityNodes": "spotNodes",
	"taskSlotsPerNode":       "taskSlots",
	"virtualMachineImageId":  "id",
}

// unknownKeys reports keys that the schema does not have, each with the one
// that was probably meant, and takes that one for being there.
func (c *check) unknownKeys(f found, unknown []string, schema map[string]any) {
	known := keys(schema)
	for _, key := range slices.Sorted(slices.Values(unknown)) {
		if c.stopped {
			return
		}
		field := join(f.field, key)
		if !c.hasProblem(field) {
			c.refuse(field, "unknown key; "+c.instead(f, key, known))
			c.excuse(field)
		}
		f.node.remove(key)
	}
}

// instead says which key to write in place of an unknown one.
func (c *check) instead(f found, key string, known []string) string {
	meant := nearest(key, known)
	if word := azureWords[key]; slices.Contains(known, word) {
		meant = word
	}
	if meant != "" {
		c.excuse(join(f.field, meant))
		return fmt.Sprintf("did you mean %s?", meant)
	}
	if homes := theSchema().homes(key); len(homes) > 0 {
		for _, home := range homes {
			c.excuse(join(home, key))
		}
		return fmt.Sprintf("%s belongs under %s", key, strings.Join(homes, " or "))
	}
	return "known here: " + strings.Join(known, ", ")
}
