package localbatch

import (
	"net/http"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

func (s *Service) createCertificate(r *http.Request) (reply, error) {
	cert := &certificate{}
	if err := readBody(r, &cert.certificateSpec); err != nil {
		return reply{}, err
	}
	if err := cert.complete(); err != nil {
		return reply{}, err
	}
	err := s.change(func(c *change) error {
		there, err := findCertificate(c.Tx, cert.Thumbprint)
		switch {
		case err == nil && there.State == deleting:
			return beingDeleted("Certificate")
		case err == nil:
			return exists("Certificate")
		case !isNotFound(err):
			return err
		}
		cert.stateChange = stateChange{State: active, StateTransitionTime: c.now}
		return c.saveCertificate(cert)
	})
	return reply{status: http.StatusCreated, version: cert.StateTransitionTime, created: cert.path()}, err
}

func (s *Service) listCertificates(r *http.Request) (reply, error) {
	list, err := parseList(r, fields{"state": choiceKind, "stateTransitionTime": timeKind})
	if err != nil {
		return reply{}, err
	}
	if text := r.URL.Query().Get("maxresults"); text != "" && list.limit > maxCertificates {
		e := invalidQuery("maxresults", text, "it is from 1 to %d", maxCertificates)
		e.code = "OutOfRangeQueryParameterValue"
		return reply{}, e
	}
	list.limit = min(list.limit, maxCertificates)
	var items []listed
	err = s.store.View(func(tx *store.Tx) error {
		bodies, err := tx.Certificates()
		if err != nil {
			return err
		}
		for _, body := range bodies {
			cert, err := readCertificate(body)
			if err != nil {
				return err
			}
			items = append(items, listed{strings.ToLower(cert.Thumbprint), cert.document(s.baseURL(r)), cert.property})
		}
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	return s.pageOf(r, "certificates", list, items)
}

func (s *Service) getCertificate(r *http.Request) (reply, error) {
	var cert *certificate
	err := s.store.View(func(tx *store.Tx) (err error) {
		cert, err = namedCertificate(tx, r)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	document, err := project(cert.document(s.baseURL(r)), selected(r.URL.Query()))
	return reply{status: http.StatusOK, meta: "certificates/@Element", body: document, version: cert.StateTransitionTime}, err
}

// deleteCertificate: whether the certificate can go is found out after the
// answer, as it is on Azure.
func (s *Service) deleteCertificate(r *http.Request) (reply, error) {
	err := s.change(func(c *change) error {
		cert, err := namedCertificate(c.Tx, r)
		if err != nil {
			return err
		}
		if cert.State == deleting {
			return beingDeleted("Certificate")
		}
		cert.moveTo(deleting, c.now)
		cert.DeleteCertificateError = nil
		c.thenBeside(func() { s.settleCertificate(cert.Thumbprint) })
		return c.saveCertificate(cert)
	})
	return reply{status: http.StatusAccepted}, err
}

func (s *Service) cancelCertificateDeletion(r *http.Request) (reply, error) {
	err := s.change(func(c *change) error {
		cert, err := namedCertificate(c.Tx, r)
		if err != nil {
			return err
		}
		switch cert.State {
		case active:
			return conflict("CertificateStateActive", "The specified certificate is in active state.")
		case deleting:
			return beingDeleted("Certificate")
		}
		cert.moveTo(active, c.now)
		cert.DeleteCertificateError = nil
		return c.saveCertificate(cert)
	})
	return reply{status: http.StatusNoContent}, err
}

// settleCertificate removes a certificate that is being deleted, unless a pool
// or a node has it.
func (s *Service) settleCertificate(thumbprint string) {
	err := s.change(func(c *change) error {
		cert, err := findCertificate(c.Tx, thumbprint)
		if isNotFound(err) || err == nil && cert.State != deleting {
			return nil
		}
		if err != nil {
			return err
		}
		users, err := c.usersOf(cert)
		if err != nil {
			return err
		}
		if len(users) == 0 {
			return c.DeleteCertificate(cert.Thumbprint)
		}
		cert.moveTo(deleteFailed, c.now)
		cert.DeleteCertificateError = &deleteError{
			Code: "CertificateDeleteFailed", Message: "The certificate is in use by pools or nodes", Values: users,
		}
		return c.saveCertificate(cert)
	})
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("a certificate could not be deleted", "thumbprint", thumbprint, "error", err)
	}
}

// maxUsers is how many pools and nodes an error names.
const maxUsers = 100

// usersOf names the pools that refer to a certificate and the nodes that have it.
func (c *change) usersOf(cert *certificate) ([]nameValue, error) {
	var users []nameValue
	pools, err := c.Pools()
	if err != nil {
		return nil, err
	}
	for _, row := range pools {
		p, err := readPool(row, true, nil)
		if err != nil {
			return nil, err
		}
		if p.CertificateReferences.have(cert.Thumbprint) {
			users = append(users, nameValue{"Pool", p.ID})
		}
		nodes, err := c.poolNodes(p)
		if err != nil {
			return nil, err
		}
		for _, n := range nodes {
			if n.CertificateReferences.have(cert.Thumbprint) {
				users = append(users, nameValue{"Node", n.ID})
			}
		}
	}
	return users[:min(len(users), maxUsers)], nil
}

func (c *change) recoverCertificates() error {
	bodies, err := c.Certificates()
	if err != nil {
		return err
	}
	for _, body := range bodies {
		cert, err := readCertificate(body)
		if err != nil {
			return err
		}
		c.thenBeside(func() { c.s.settleCertificate(cert.Thumbprint) })
	}
	return nil
}

// namedCertificate is the one that r names in parentheses.
func namedCertificate(tx *store.Tx, r *http.Request) (*certificate, error) {
	name := r.PathValue("certificate")
	algorithm, thumbprint := "", ""
	for part := range strings.SplitSeq(name, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch strings.TrimSpace(key) {
		case "thumbprintAlgorithm":
			algorithm = value
		case "thumbprint":
			thumbprint = value
		}
	}
	if !strings.EqualFold(algorithm, sha1Algorithm) || thumbprint == "" {
		return nil, badRequest("InvalidUri", "The requested URI does not represent any resource on the server.")
	}
	return findCertificate(tx, thumbprint)
}

// certificateRoute serves the addresses that name a certificate in parentheses,
// which no pattern of ServeMux can have.
func certificateRoute(routes map[string]http.Handler, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, "/certificates(")
		name, action, closed := strings.Cut(rest, ")")
		if handler := routes[r.Method+" "+certificatePattern+action]; ok && closed && handler != nil {
			r.SetPathValue("certificate", name)
			handler.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

const certificatePattern = "/certificates({certificate})"
