package node

import (
	"os"
	"path/filepath"
)

// CertificatesDir is the directory of certificates in a task's root directory.
const CertificatesDir = "certs"

// copyCertificates puts copies of the files in from into the task's directory.
func (d *directory) copyCertificates(from string) error {
	if from == "" {
		return nil
	}
	if err := d.removeAll(CertificatesDir); err != nil {
		return directoryFailure(err)
	}
	if err := d.root.Mkdir(CertificatesDir, 0o700); err != nil {
		return directoryFailure(err)
	}
	entries, err := os.ReadDir(from)
	if os.IsNotExist(err) {
		return nil // none of them is for this kind of task
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err == nil {
			err = d.root.WriteFile(filepath.Join(CertificatesDir, entry.Name()), content, 0o600)
		}
		if err != nil {
			return directoryFailure(err)
		}
	}
	if err != nil {
		return directoryFailure(err)
	}
	return nil
}
