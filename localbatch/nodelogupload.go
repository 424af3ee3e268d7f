package localbatch

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/durabatch/durabatch/localbatch/store"
)

// uploadNodeLogs sends a node's log to a container, after it has answered: how
// many files there are is known at once (Batch REST reference, "Upload Node
// Logs"). What goes wrong then is told to the service's log alone.
func (s *Service) uploadNodeLogs(r *http.Request) (reply, error) {
	var body struct {
		ContainerURL      string             `json:"containerUrl"`
		StartTime         store.Time         `json:"startTime"`
		EndTime           store.Time         `json:"endTime"`
		IdentityReference *identityReference `json:"identityReference"`
	}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	switch {
	case body.ContainerURL == "":
		return reply{}, missingProperty("containerUrl")
	case body.StartTime == 0:
		return reply{}, missingProperty("startTime")
	case body.EndTime == 0:
		body.EndTime = store.Never
	}
	if err := checkURL("containerUrl", body.ContainerURL); err != nil {
		return reply{}, err
	}
	var p *pool
	var n *computeNode
	err := s.store.View(func(tx *store.Tx) (err error) {
		if p, n, err = findNode(tx, r.PathValue("pool"), r.PathValue("node")); err != nil {
			return err
		}
		return n.mustHaveFiles()
	})
	if err != nil {
		return reply{}, err
	}
	files, err := s.nodeLogs.between(n.ID, body.StartTime, body.EndTime)
	if err != nil {
		return reply{}, err
	}
	directory := p.ID + "/" + n.ID + "/" + uuid.NewString()
	s.spawn(func() { s.putNodeLogs(body.ContainerURL, body.IdentityReference.id(), directory, files) })
	return reply{status: http.StatusOK, meta: "uploadbatchservicelogsresult", body: map[string]any{
		"virtualDirectoryName": directory, "numberOfFilesUploaded": len(files),
	}}, nil
}

func (s *Service) putNodeLogs(containerURL, identity, directory string, files map[string][]byte) {
	for name, text := range files {
		if err := s.machine.Put(s.ctx, containerURL, identity, directory+"/"+name, text); err != nil && s.ctx.Err() == nil {
			s.log.Warn("the log of a node could not be uploaded", "error", err)
		}
	}
}
