package localbatch

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

func (s *Service) createPool(r *http.Request) (reply, error) {
	p := &pool{}
	if err := readBody(r, &p.poolSpec); err != nil {
		return reply{}, err
	}
	if err := p.UserAccounts.mustHavePasswords(); err != nil {
		return reply{}, err
	}
	if err := p.complete(); err != nil {
		return reply{}, err
	}
	if err := s.change(func(c *change) error { return c.addPool(p) }); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, version: p.LastModified, created: "/pools/" + p.ID}, nil
}

// addPool creates a pool: one that was asked for, or an auto pool.
func (c *change) addPool(p *pool) error {
	if err := p.completeAutoScale(); err != nil {
		return err
	}
	if row, ok, err := c.Pool(p.ID); err != nil || ok {
		return poolExists(row, ok, err)
	}
	if err := c.mayAddPool(); err != nil {
		return err
	}
	if err := c.checkCertificates(p.CertificateReferences); err != nil {
		return err
	}
	p.key = 0
	p.CreationTime, p.LastModified = c.now, c.now
	p.State, p.StateTransitionTime = active, c.now
	p.AllocationState, p.AllocationStateTransitionTime = resizing, c.now
	if p.EnableAutoScale {
		if err := c.autoScale(p); err != nil {
			return err
		}
	}
	c.thenBeside(func() { c.s.settlePool(p.key) })
	return c.savePool(p)
}

// poolExists is the error for an id that is taken: by a pool, or by one that is
// going.
func poolExists(row store.Pool, ok bool, err error) error {
	p, err := readPool(row, ok, err)
	if err != nil {
		return err
	}
	if p.State == deleting {
		return beingDeleted("Pool")
	}
	return exists("Pool")
}

func (s *Service) getPool(r *http.Request) (reply, error) {
	var document json.RawMessage
	var p *pool
	err := s.store.View(func(tx *store.Tx) (err error) {
		if p, err = findPool(tx, r.PathValue("pool")); err != nil {
			return err
		}
		shown, err := s.poolDocument(tx, r, p)
		if err != nil {
			return err
		}
		document, err = project(shown, selected(r.URL.Query()))
		return err
	})
	if err != nil {
		return reply{}, err
	}
	if err := checkConditions(r, p.LastModified, true); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, meta: "pools/@Element", body: document, version: p.LastModified}, nil
}

func (s *Service) poolDocument(tx *store.Tx, r *http.Request, p *pool) (poolDocument, error) {
	document := poolDocument{pool: p, URL: s.baseURL(r) + "/pools/" + p.ID, ETag: etag(p.LastModified), Identity: identityOf(s.opts.Identities)}
	nodes, err := tx.Nodes(p.key)
	for _, n := range nodes {
		if n.Dedicated {
			document.CurrentDedicatedNodes++
		} else {
			document.CurrentLowPriorityNodes++
		}
	}
	return document, err
}

func (s *Service) listPools(r *http.Request) (reply, error) {
	return s.list(r, "pools", poolFields, func(tx *store.Tx, _ listQuery) ([]listed, error) {
		var items []listed
		rows, err := tx.Pools()
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			p, err := readPool(row, true, nil)
			if err != nil {
				return nil, err
			}
			document, err := s.poolDocument(tx, r, p)
			if err != nil {
				return nil, err
			}
			items = append(items, listed{strings.ToLower(p.ID), document, p.property})
		}
		return items, nil
	})
}

// changePool applies f to the pool that r names, after its conditions.
func (s *Service) changePool(r *http.Request, f func(*change, *pool) error) (*pool, error) {
	var p *pool
	err := s.change(func(c *change) (err error) {
		if p, err = findPool(c.Tx, r.PathValue("pool")); err != nil {
			return err
		}
		if err := checkConditions(r, p.LastModified, true); err != nil {
			return err
		}
		if p.State == deleting {
			return beingDeleted("Pool")
		}
		if err := f(c, p); err != nil {
			return err
		}
		return c.savePool(p)
	})
	return p, err
}

func (s *Service) deletePool(r *http.Request) (reply, error) {
	_, err := s.changePool(r, func(c *change, p *pool) error {
		c.deletePool(p)
		return nil
	})
	return reply{status: http.StatusAccepted}, err
}

// deletePool has p go, once it is saved. Tasks that run on it are requeued.
func (c *change) deletePool(p *pool) {
	p.State, p.StateTransitionTime = deleting, c.now
	p.allocate(resizing, c.now)
	c.thenBeside(func() { c.s.settlePool(p.key) })
	c.then(func() {
		c.s.evaluations.forget(p.key)
		c.s.histories.forget(p.key)
	})
}

// poolPatch has the properties of a pool that can be changed: what is absent
// stays, an empty list clears.
type poolPatch struct {
	DisplayName                  *string                `json:"displayName"`
	StartTask                    *startTask             `json:"startTask"`
	Metadata                     *metadata              `json:"metadata"`
	TargetNodeCommunicationMode  *string                `json:"targetNodeCommunicationMode"`
	CertificateReferences        *certificateReferences `json:"certificateReferences"`
	ApplicationPackageReferences packageReferences      `json:"applicationPackageReferences"`
	MountConfiguration           unsupported            `json:"mountConfiguration"`
	UserAccounts                 *userAccounts          `json:"userAccounts"`
	EnableInterNodeCommunication *bool                  `json:"enableInterNodeCommunication"`
	NetworkConfiguration         json.RawMessage        `json:"networkConfiguration"`
	ResourceTags                 json.RawMessage        `json:"resourceTags"`
	UpgradePolicy                json.RawMessage        `json:"upgradePolicy"`
	TaskSchedulingPolicy         *schedulingPolicy      `json:"taskSchedulingPolicy"`
	TaskSlotsPerNode             *int32                 `json:"taskSlotsPerNode"`
	VMSize                       *string                `json:"vmSize"`
	VirtualMachineConfiguration  *vmConfiguration       `json:"virtualMachineConfiguration"`
}

func (s *Service) patchPool(r *http.Request) (reply, error) {
	var patch poolPatch
	if err := readBody(r, &patch); err != nil {
		return reply{}, err
	}
	if patch.UserAccounts != nil {
		if err := patch.UserAccounts.mustHavePasswords(); err != nil {
			return reply{}, err
		}
	}
	p, err := s.changePool(r, func(c *change, p *pool) error {
		if patch.needsEmptyPool() {
			nodes, err := c.Nodes(p.key)
			if err != nil {
				return err
			}
			if len(nodes) > 0 {
				return notValidOnPool("these properties can only be changed while the pool has no nodes")
			}
		}
		if patch.CertificateReferences != nil {
			if err := c.checkCertificates(*patch.CertificateReferences); err != nil {
				return err
			}
		}
		patch.apply(&p.poolSpec)
		p.LastModified = c.now
		return p.complete()
	})
	return reply{status: http.StatusOK, version: version(p)}, err
}

func version(p *pool) store.Time {
	if p == nil {
		return 0
	}
	return p.LastModified
}

func (p poolPatch) needsEmptyPool() bool {
	return p.TaskSlotsPerNode != nil || p.VMSize != nil || p.VirtualMachineConfiguration != nil ||
		p.EnableInterNodeCommunication != nil || p.NetworkConfiguration != nil
}

func (p poolPatch) apply(spec *poolSpec) {
	spec.ApplicationPackageReferences = p.ApplicationPackageReferences
	replace(&spec.DisplayName, p.DisplayName)
	replace(&spec.Metadata, p.Metadata)
	replace(&spec.UserAccounts, p.UserAccounts)
	replace(&spec.CertificateReferences, p.CertificateReferences)
	replace(&spec.TargetNodeCommunicationMode, p.TargetNodeCommunicationMode)
	replace(&spec.EnableInterNodeCommunication, p.EnableInterNodeCommunication)
	replace(&spec.TaskSlotsPerNode, p.TaskSlotsPerNode)
	replace(&spec.VMSize, p.VMSize)
	if p.StartTask != nil { // for nodes that boot from now on
		spec.StartTask = p.StartTask
	}
	if p.TaskSchedulingPolicy != nil {
		spec.TaskSchedulingPolicy = p.TaskSchedulingPolicy
	}
	if p.VirtualMachineConfiguration != nil {
		spec.VirtualMachineConfiguration = p.VirtualMachineConfiguration
	}
	if p.NetworkConfiguration != nil {
		spec.NetworkConfiguration = p.NetworkConfiguration
	}
	if p.ResourceTags != nil {
		spec.ResourceTags = p.ResourceTags
	}
	if p.UpgradePolicy != nil {
		spec.UpgradePolicy = p.UpgradePolicy
	}
}

// replace sets a value that a patch gives.
func replace[T any](value, given *T) {
	if given != nil {
		*value = *given
	}
}

func (s *Service) replacePoolProperties(r *http.Request) (reply, error) {
	var body struct {
		StartTask                    *startTask            `json:"startTask"`
		CertificateReferences        certificateReferences `json:"certificateReferences"`
		ApplicationPackageReferences packageReferences     `json:"applicationPackageReferences"`
		Metadata                     metadata              `json:"metadata"`
		TargetNodeCommunicationMode  string                `json:"targetNodeCommunicationMode"`
	}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	p, err := s.changePool(r, func(c *change, p *pool) error {
		p.ApplicationPackageReferences, p.CertificateReferences = body.ApplicationPackageReferences, body.CertificateReferences
		if err := c.checkCertificates(body.CertificateReferences); err != nil {
			return err
		}
		p.StartTask, p.Metadata, p.TargetNodeCommunicationMode = body.StartTask, body.Metadata, body.TargetNodeCommunicationMode
		p.LastModified = c.now
		return p.complete()
	})
	return reply{status: http.StatusNoContent, version: version(p)}, err
}
