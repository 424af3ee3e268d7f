package localbatch

import "net/http"

// operateOnNode applies f to the node that r names.
func (s *Service) operateOnNode(r *http.Request, f func(*change, *computeNode) error) (reply, error) {
	err := s.change(func(c *change) error {
		_, n, err := findNode(c.Tx, r.PathValue("pool"), r.PathValue("node"))
		if err != nil {
			return err
		}
		return f(c, n)
	})
	return reply{status: http.StatusAccepted}, err
}

func (s *Service) rebootNode(r *http.Request) (reply, error) {
	var body struct {
		NodeRebootOption string `json:"nodeRebootOption"`
	}
	if err := readOptionalBody(r, &body); err != nil {
		return reply{}, err
	}
	if err := checkTaskOption("nodeRebootOption", &body.NodeRebootOption); err != nil {
		return reply{}, err
	}
	return s.operateOnNode(r, func(c *change, n *computeNode) error {
		if err := n.mustBe(idle, running, offline, startTaskFailed); err != nil {
			return err
		}
		return c.goDown(n, rebooting, body.NodeRebootOption)
	})
}

// reimageNode: no pool here has the configuration that the operation is for.
func (s *Service) reimageNode(r *http.Request) (reply, error) {
	var body struct {
		NodeReimageOption string `json:"nodeReimageOption"`
	}
	if err := readOptionalBody(r, &body); err != nil {
		return reply{}, err
	}
	if err := checkTaskOption("nodeReimageOption", &body.NodeReimageOption); err != nil {
		return reply{}, err
	}
	return s.operateOnNode(r, func(*change, *computeNode) error {
		return notValidOnNode("Operation reimage can be invoked only on pools created with cloudServiceConfiguration")
	})
}

func (s *Service) deallocateNode(r *http.Request) (reply, error) {
	var body struct {
		NodeDeallocateOption string `json:"nodeDeallocateOption"`
	}
	if err := readOptionalBody(r, &body); err != nil {
		return reply{}, err
	}
	if err := checkTaskOption("nodeDeallocateOption", &body.NodeDeallocateOption); err != nil {
		return reply{}, err
	}
	return s.operateOnNode(r, func(c *change, n *computeNode) error {
		if err := n.mustBe(idle, running, offline, startTaskFailed); err != nil {
			return err
		}
		return c.goDown(n, deallocating, body.NodeDeallocateOption)
	})
}

func (s *Service) startNode(r *http.Request) (reply, error) {
	return s.operateOnNode(r, func(c *change, n *computeNode) error {
		if err := n.mustBe(deallocated); err != nil {
			return err
		}
		return c.bootAgain(n, starting)
	})
}

func checkTaskOption(name string, option *string) error {
	return oneOf(name, option, requeueTasks, terminateTasks, awaitTasks, awaitData)
}
