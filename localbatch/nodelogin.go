package localbatch

import "net/http"

// noLogin is why nobody gets an account on a node, or the address to use one at.
const noLogin = "a node of localbatch is a directory of the machine that the service runs on: nobody can log in to it"

// refuseLogin answers for a node that exists.
func (s *Service) refuseLogin(r *http.Request) (reply, error) {
	return s.operateOnNode(r, func(*change, *computeNode) error { return notValidOnNode(noLogin) })
}

func (s *Service) createNodeUser(r *http.Request) (reply, error) {
	var body struct {
		Name         string `json:"name"`
		IsAdmin      bool   `json:"isAdmin"`
		ExpiryTime   string `json:"expiryTime"`
		Password     string `json:"password"`
		SSHPublicKey string `json:"sshPublicKey"`
	}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	if body.Name == "" {
		return reply{}, missingProperty("name")
	}
	return s.refuseLogin(r)
}

// refuseNodeUser answers for a user: there is none.
func (s *Service) refuseNodeUser(r *http.Request) (reply, error) {
	return s.operateOnNode(r, func(*change, *computeNode) error {
		e := notFound("NodeUser")
		e.message = "The specified node user does not exist."
		return e.because(noLogin)
	})
}

// listNodeExtensions: pools with extensions are refused, so no node has one.
func (s *Service) listNodeExtensions(r *http.Request) (reply, error) {
	if _, err := s.operateOnNode(r, func(*change, *computeNode) error { return nil }); err != nil {
		return reply{}, err
	}
	return s.listReply(r, "extensions", page{}, false, ""), nil
}

func (s *Service) getNodeExtension(r *http.Request) (reply, error) {
	return s.operateOnNode(r, func(*change, *computeNode) error {
		return notFound("Resource").because("nodes of localbatch have no extensions")
	})
}
