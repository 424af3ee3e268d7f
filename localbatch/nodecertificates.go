package localbatch

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// certificatesDir is where a node keeps the certificates that its start task,
// or its other tasks, get a copy of.
func (s *Service) certificatesDir(nodeID, visibility string) string {
	return filepath.Join(s.nodeDir(nodeID), "volatile", "certs", visibility)
}

// installCertificates gives a node that boots the certificates of its pool, in
// place of those that it had. One that has gone meanwhile it does without.
func (s *Service) installCertificates(n *computeNode) error {
	if err := os.RemoveAll(filepath.Dir(s.certificatesDir(n.ID, visibleToTask))); err != nil {
		return err
	}
	for _, reference := range n.CertificateReferences {
		var cert *certificate
		err := s.store.View(func(tx *store.Tx) (err error) {
			cert, err = findCertificate(tx, reference.Thumbprint)
			return err
		})
		if isNotFound(err) {
			s.log.Warn("a node does without a certificate that has been deleted", "node", n.ID, "thumbprint", reference.Thumbprint)
			continue
		}
		if err != nil {
			return err
		}
		for _, visibility := range []string{visibleToStartTask, visibleToTask} {
			if len(reference.Visibility) > 0 && !slices.Contains(reference.Visibility, visibility) {
				continue
			}
			if err := cert.write(s.certificatesDir(n.ID, visibility)); err != nil {
				return err
			}
		}
	}
	return nil
}

// write puts a certificate where tasks on Linux look for it: a file named by
// its thumbprint, and beside it one with its password.
func (c *certificate) write(dir string) error {
	name := filepath.Join(dir, c.ThumbprintAlgorithm+"-"+c.Thumbprint+"."+c.CertificateFormat)
	err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(name, c.Data, 0o600))
	if c.CertificateFormat == pfxFormat {
		err = errors.Join(err, os.WriteFile(name+".pw", []byte(c.Password), 0o600))
	}
	return err
}

// certify has a command find the node's certificates.
func (s *Service) certify(command *node.Task, n *store.Node, visibility string) {
	if !bytes.Contains(n.Body, []byte(`"certificateReferences"`)) {
		return
	}
	command.Certificates = s.certificatesDir(n.ID, visibility)
	command.Environment = append(command.Environment, "AZ_BATCH_CERTIFICATES_DIR="+filepath.Join(command.Dir, node.CertificatesDir))
}
