#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Find the cluster, and the tier of its pool, for the disks of servers.

A VIOS that is down does not report its cluster. If the VIOSes of a host are in
several clusters, and the driver used the only one that it sees, new disks
could go to another pool after a start at the wrong moment. The operator of a
pool may also make another tier the default. Therefore these rules apply:

* If the options cluster_name and ssp_tier are set, only they count.
* Without them, the driver uses the cluster and the tier of its last start.
  Nova stores their UUIDs with the host, see module kept.
* If Nova has stored none, as after an upgrade from 9.0.0, the driver uses the
  only cluster and its default tier, provided that no VIOS that is down can be
  in another cluster.

In any other case nova-compute does not start, and the message gives names.
"""


from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import kept

CONF = cfg.CONF

_CLUSTER_KEY = 'powervm_cluster'
_TIER_KEY = 'powervm_tier'


def to_keep(cluster_uuid, tier_uuid):
    """Return what Nova stores with the host for the next start, a dict."""
    return {_CLUSTER_KEY: cluster_uuid, _TIER_KEY: tier_uuid}


def find(host, vioses):
    """Find the cluster (1 request).

    :param host: the owner of the REST connection (host.Host), connected.
    :param vioses: list of the wrappers of all VIOSes of the host.
    :returns: Cluster wrapper.
    :raises ClusterNotFoundByName: and
    :raises TooManyClustersFound: if cluster_name names none, or several.
    :raises ClusterNotUsable: if no VIOS reports the cluster of the last start.
    :raises NoConfigNoClusterFound: and
    :raises NoConfigTooManyClusters: if there is none, or if there are several.
    :raises ClusterUnknown: if there is one, but a VIOS that does not answer
        may be in another one.
    """
    if CONF.powervm.cluster_name:
        return _named(host, CONF.powervm.cluster_name, vioses)
    found = _clusters_here(host, host.clusters(), vioses)
    kept_uuid = kept.find(host.nodename).get(_CLUSTER_KEY)
    if kept_uuid:
        return _with_uuid(found, kept_uuid, _down(host, vioses))
    if not found:
        raise exception.NoConfigNoClusterFound()
    if len(found) > 1:
        raise exception.NoConfigTooManyClusters(clust_names=_names(found))
    members = member_uuids(found[0])
    strangers = [vios_w for vios_w in _down(host, vioses)
                 if vios_w.uuid.lower() not in members]
    if strangers:
        raise exception.ClusterUnknown(clust_name=found[0].name,
                                       down=_names(strangers))
    return found[0]


def find_tier(host, cluster, ssp):
    """Find the tier (1 request).

    :param cluster: Cluster wrapper.
    :param ssp: SSP wrapper, of its pool.
    :returns: (Tier wrapper, bool whether the pool has no other).
    :raises TierNotFound: if the pool has no such tier.
    """
    name = CONF.powervm.ssp_tier
    kept_uuid = None if name else kept.find(
        host.nodename, **{_CLUSTER_KEY: cluster.uuid}).get(_TIER_KEY)
    tiers = host.tiers(ssp)
    for tier in tiers:
        if (tier.name == name if name else
                tier.uuid == kept_uuid if kept_uuid else tier.is_default):
            return tier, len(tiers) == 1
    raise exception.TierNotFound(
        ssp_name=ssp.name, tiers=sorted(tier.name for tier in tiers),
        tier=name or kept_uuid or '(default)')


def member_uuids(cluster):
    """Return the UUIDs of a cluster's VIOSes on all hosts: set, lower case."""
    return {(node.vios_uuid or '').lower() for node in cluster.nodes}


def _clusters_here(host, found, vioses):
    """Return the clusters of this host; an HMC has those of all hosts."""
    if not host.is_hmc:
        return found
    here = {vios_w.uuid.lower() for vios_w in vioses}
    return [cluster for cluster in found if here & member_uuids(cluster)]


def _named(host, name, vioses):
    found = _clusters_here(host, host.clusters_named(name), vioses)
    if not found:
        there = _clusters_here(host, host.clusters(), vioses)
        raise exception.ClusterNotFoundByName(
            clust_name=name, there=sorted(w.name for w in there))
    if len(found) > 1:
        raise exception.TooManyClustersFound(clust_name=name,
                                             clust_count=len(found))
    return found[0]


def _with_uuid(found, cluster_uuid, down):
    for cluster in found:
        if cluster.uuid == cluster_uuid:
            return cluster
    raise exception.ClusterNotUsable(
        clust_uuid=cluster_uuid, clust_names=_names(found),
        down=_names(down))


def _down(host, vioses):
    up = {vios_w.uuid for vios_w in host.filter_active(vioses)}
    return [vios_w for vios_w in vioses if vios_w.uuid not in up]


def _names(wrappers):
    return sorted(wrapper.name for wrapper in wrappers)
