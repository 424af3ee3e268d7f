package activities

import (
	"context"

	"github.com/durabatch/durabatch/workload"
)

// Check reads a workload as its user wrote it, by the rules of the workload
// file, and answers it with its defaults filled in. It creates nothing.
func (a *Activities) Check(_ context.Context, doc workload.Document) (*workload.Workload, error) {
	w, err := doc.Parse()
	if err != nil {
		return nil, refuse(InvalidWorkload, "%v", err)
	}
	return w, nil
}
