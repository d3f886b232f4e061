#!/bin/bash
# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

# DevStack calls this script with a mode, and for "stack" with a phase.

# The group whose members may read the token of NovaLink's local logon.
NOVALINK_GROUP=pvm_admin

# Tell whether a part of Neutron's server runs here. Its services are q-svc, or
# by newer names neutron-api and those that DevStack starts with it.
function has_neutron_server {
    is_service_enabled q-svc || is_service_enabled neutron-api
}

# Nova and Neutron share one environment of Python. Neutron's server needs the
# mechanism driver there.
function install_nova_powervm {
    local extras=""
    if has_neutron_server; then
        extras="neutron"
    fi
    if [[ "$POWERVM_SIMULATED" == "True" ]]; then
        extras="${extras:+$extras,}simulator"
    fi
    setup_develop "$NOVA_POWERVM_DIR" ${extras:+"$extras"}
}

# Check what local.conf says of the ports of servers.
function check_powervm_ports {
    case "$POWERVM_PORTS $POWERVM_SIMULATED" in
        "sea "*)
            if [[ -z "$POWERVM_VLAN_RANGE" ]]; then
                die $LINENO "Set POWERVM_VLAN_RANGE=FIRST:LAST to the VLANs that servers may use on physical network $POWERVM_PHYSICAL_NETWORK. For Open vSwitch instead, set POWERVM_PORTS=ovs."
            fi
            ;;
        "ovs False")
            ;;
        "ovs True")
            die $LINENO "The simulated Power server has no Open vSwitch: POWERVM_SIMULATED=True needs POWERVM_PORTS=sea."
            ;;
        *)
            die $LINENO "POWERVM_PORTS=$POWERVM_PORTS is neither sea nor ovs."
            ;;
    esac
}

# Check that the user of nova-compute can log on.
function check_novalink {
    if [[ "$POWERVM_SIMULATED" == "True" ]]; then
        return
    fi
    if ! getent group "$NOVALINK_GROUP" > /dev/null; then
        die $LINENO "There is no group $NOVALINK_GROUP: this is not a NovaLink partition. To use a simulated Power server, set POWERVM_SIMULATED=True."
    fi
    if ! id -nG "$STACK_USER" | tr ' ' '\n' | grep -qx "$NOVALINK_GROUP"; then
        die $LINENO "User $STACK_USER is not in group $NOVALINK_GROUP: sudo usermod -aG $NOVALINK_GROUP $STACK_USER, and log in again."
    fi
}

function configure_nova_powervm {
    iniset "$NOVA_CONF" DEFAULT compute_driver powervm_ext.driver.PowerVMDriver
    iniset "$NOVA_CONF" powervm disk_driver "$POWERVM_DISK_DRIVER"
    iniset "$NOVA_CONF" powervm proc_units_factor "$POWERVM_PROC_UNITS_FACTOR"
    iniset "$NOVA_CONF" powervm fc_attach_strategy "$POWERVM_FC_ATTACH_STRATEGY"
    if [[ -n "$POWERVM_VOLUME_GROUP" ]]; then
        iniset "$NOVA_CONF" powervm volume_group_name "$POWERVM_VOLUME_GROUP"
    fi
    if [[ -n "$POWERVM_VOLUME_GROUP_VIOS" ]]; then
        iniset "$NOVA_CONF" powervm volume_group_vios_name "$POWERVM_VOLUME_GROUP_VIOS"
    fi
    if [[ -n "$POWERVM_CLUSTER" ]]; then
        iniset "$NOVA_CONF" powervm cluster_name "$POWERVM_CLUSTER"
    fi
    if [[ -n "$POWERVM_BRIDGE_MAPPINGS" ]]; then
        iniset "$NOVA_CONF" powervm bridge_mappings "$POWERVM_BRIDGE_MAPPINGS"
    fi
}

# Put an item in front of a list in ML2's configuration, if it is not there.
function put_first_in_ml2 {
    local group=$1 option=$2 item=$3 present
    present=$(iniget "/$Q_PLUGIN_CONF_FILE" "$group" "$option")
    if [[ ",${present// /}," != *",$item,"* ]]; then
        iniset "/$Q_PLUGIN_CONF_FILE" "$group" "$option" "$item${present:+,$present}"
    fi
}

# Have our mechanism driver bind the ports of PowerVM hosts. It comes before
# DevStack's choice (ovn or openvswitch), which runs on the same host and would
# bind the ports otherwise. All parts of Neutron's server read this file.
function configure_neutron_for_sea {
    put_first_in_ml2 ml2 mechanism_drivers powervm
    # Without this option ML2 has all types.
    if [[ -n "$(iniget "/$Q_PLUGIN_CONF_FILE" ml2 type_drivers)" ]]; then
        put_first_in_ml2 ml2 type_drivers vlan
    fi
    put_first_in_ml2 ml2_type_vlan network_vlan_ranges "$POWERVM_PHYSICAL_NETWORK:$POWERVM_VLAN_RANGE"
    iniset "/$Q_PLUGIN_CONF_FILE" ml2_powervm host_physical_networks "$POWERVM_HOST_PHYSICAL_NETWORKS"
}

# With iptables_hybrid Neutron expects a Linux bridge at each port. PowerVM has
# none, so our driver refuses such ports.
function configure_neutron_for_ovs {
    if [[ "${Q_USE_SECGROUP:-True}" == "True" ]]; then
        iniset "/$Q_PLUGIN_CONF_FILE" securitygroup firewall_driver openvswitch
    fi
}

# A network on which servers get ports.
function create_powervm_network {
    openstack --os-cloud devstack-admin network create --share \
        --provider-network-type vlan \
        --provider-physical-network "$POWERVM_PHYSICAL_NETWORK" \
        "$POWERVM_NETWORK_NAME"
    openstack --os-cloud devstack-admin subnet create \
        --network "$POWERVM_NETWORK_NAME" \
        --subnet-range "$POWERVM_SUBNET_RANGE" "$POWERVM_NETWORK_NAME-subnet"
}

# An image that Nova accepts for a PowerVM host. Simulated guests run no code,
# so its content does not matter.
function upload_powervm_image {
    truncate --size 32M "$POWERVM_IMAGE_FILE"
    openstack --os-cloud devstack-admin image create --public \
        --disk-format raw --container-format bare \
        --property architecture=ppc64le --property hypervisor_type=phyp \
        --property vm_mode=hvm --file "$POWERVM_IMAGE_FILE" \
        "$POWERVM_IMAGE_NAME"
}

# The simulator listens on NovaLink's port, so nova-compute finds it without
# options.
function start_powervm_simulator {
    local command
    command="$(get_python_exec_prefix)/powervm-simulator"
    command+=" --profile $POWERVM_SIMULATOR_PROFILE"
    command+=" --data-dir $POWERVM_SIMULATOR_DATA_DIR"
    command+=" --ready-file $POWERVM_SIMULATOR_READY_FILE"
    run_process powervm-simulator "$command"
    if ! timeout 60 bash -c "until [[ -e $POWERVM_SIMULATOR_READY_FILE ]]; do sleep 0.5; done"; then
        die $LINENO "The simulated PowerVM site did not start: journalctl -u devstack@powervm-simulator"
    fi
}

# The ready file has the root directory of the first host's management
# partition.
function configure_simulated_server {
    local root
    root=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["hosts"][0]["management_root"])' "$POWERVM_SIMULATOR_READY_FILE")
    iniset "$NOVA_CONF" powervm management_root "$root"
}

# DevStack calls this for the back ends of type powervm_simulator in
# CINDER_ENABLED_BACKENDS, after "stack pre-install". A volume type with the
# name of the back end comes from DevStack, too.
function configure_cinder_backend_powervm_simulator {
    local name=$1
    iniset "$CINDER_CONF" "$name" volume_backend_name "$name"
    iniset "$CINDER_CONF" "$name" volume_driver nova_powervm.simulator.cinder_driver.SimulatedArrayDriver
    iniset "$CINDER_CONF" "$name" powervm_simulator_url "$POWERVM_SIMULATOR_URL"
}

# Neutron's server and its agents start after this phase.
function configure_powervm {
    if is_service_enabled n-cpu; then
        configure_nova_powervm
        if [[ "$POWERVM_SIMULATED" == "True" ]]; then
            start_powervm_simulator
            configure_simulated_server
        fi
    fi
    if [[ "$POWERVM_PORTS" == "sea" ]] && has_neutron_server; then
        configure_neutron_for_sea
    elif [[ "$POWERVM_PORTS" == "ovs" ]] && is_service_enabled q-agt; then
        configure_neutron_for_ovs
    fi
}

# Now all services run.
function populate_powervm {
    if [[ "$POWERVM_PORTS" == "sea" && -n "$POWERVM_SUBNET_RANGE" ]] && has_neutron_server; then
        create_powervm_network
    fi
    if [[ "$POWERVM_SIMULATED" == "True" ]] && is_service_enabled g-api; then
        upload_powervm_image
    fi
}

function nova_powervm_main {
    case "$1 ${2:-}" in
        "stack pre-install")
            if is_service_enabled n-cpu; then
                check_novalink
            fi
            if has_neutron_server; then
                check_powervm_ports
            fi
            ;;
        "stack install")
            install_nova_powervm
            ;;
        "stack post-config")
            configure_powervm
            ;;
        "stack extra")
            populate_powervm
            ;;
        "unstack "*)
            if [[ "$POWERVM_SIMULATED" == "True" ]]; then
                stop_process powervm-simulator
            fi
            ;;
        "clean "*)
            rm -rf "$POWERVM_SIMULATOR_DATA_DIR" "$POWERVM_SIMULATOR_READY_FILE" "$POWERVM_IMAGE_FILE"
            ;;
    esac
}

if is_service_enabled n-cpu || has_neutron_server; then
    nova_powervm_main "$@"
fi
