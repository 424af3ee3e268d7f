package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// reuseInput says what earlier results must have been made with; nil: none is
// used. A redrive has its parent's results, and notes what its own are made of.
func (r *run) reuseInput() *activities.ReuseInput {
	if !r.workload.Reuse {
		return nil
	}
	return &activities.ReuseInput{Name: r.workload.Name, Image: imageOf(r.workload.Pool), ToolVersion: r.workload.Task.ToolVersion}
}

// imageOf names what the nodes run, in one line.
func imageOf(pool workload.Pool) string {
	switch i := pool.Image; {
	case pool.ID != "":
		return "pool " + pool.ID
	case i.ID != "":
		return i.ID
	default:
		return strings.Join([]string{i.Publisher, i.Offer, i.SKU, i.Version}, ":")
	}
}

// noteReuse says why files are run although earlier results are used.
func (r *run) noteReuse(found activities.ScanResult) {
	var reasons []string
	for _, why := range workflow.DeterministicKeys(found.Why) {
		reasons = append(reasons, fmt.Sprintf("%s (%d)", why, found.Why[why]))
	}
	if len(reasons) > 0 {
		r.note(fmt.Sprintf("%s of %d had to be run: %s; the results say it of each", files(r.todo()), found.Files, strings.Join(reasons, ", ")))
	}
}
