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

function install_nova_powervm {
    setup_develop "$NOVA_POWERVM_DIR"
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

function nova_powervm_main {
    case "$1 ${2:-}" in
        "stack pre-install")
            check_novalink
            ;;
        "stack install")
            install_nova_powervm
            ;;
        "stack post-config")
            configure_nova_powervm
            if [[ "$POWERVM_SIMULATED" == "True" ]]; then
                start_powervm_simulator
                configure_simulated_server
            fi
            ;;
        "unstack "*)
            if [[ "$POWERVM_SIMULATED" == "True" ]]; then
                stop_process powervm-simulator
            fi
            ;;
        "clean "*)
            rm -rf "$POWERVM_SIMULATOR_DATA_DIR" "$POWERVM_SIMULATOR_READY_FILE"
            ;;
    esac
}

if is_service_enabled n-cpu; then
    nova_powervm_main "$@"
fi
