package localbatch

import "time"

// What a fault plan does to nodes, for tests.

const Forever = forever

func (s *Service) Preempt(poolID, nodeID string, back time.Duration) error {
	return s.preempt(poolID, nodeID, back)
}

func (s *Service) BreakNode(poolID, nodeID, state string, back time.Duration) error {
	return s.breakNode(poolID, nodeID, state, back, nodeError{Code: "DiskFull", Message: "There is no room left on the disk of the node."})
}

// SetCertificateState has a certificate be in a state that it passes through too
// soon to be seen.
func (s *Service) SetCertificateState(thumbprint, state string) error {
	return s.change(func(c *change) error {
		cert, err := findCertificate(c.Tx, thumbprint)
		if err != nil {
			return err
		}
		cert.moveTo(state, c.now)
		return c.saveCertificate(cert)
	})
}
