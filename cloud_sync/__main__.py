"""The cloud sync component: started by a Greengrass nucleus."""

import sys

from cloud_sync.component import run
from cloud_sync.configuration import CloudSyncConfiguration
from cloud_sync.counter import NAME
from components.greengrass import GreengrassBus
from components.lifecycle import run_component

if __name__ == "__main__":
    sys.exit(run_component(NAME, CloudSyncConfiguration, GreengrassBus.from_environment, run))
