// What each network's file gives to the table in networks.cpp.
#pragma once

#include "runtime/networks/network.h"

namespace cuhue {

Network colornet();
Network eccv16();
Network inception_resnet_v2();
Network koalarization();
Network lite();
Network mask_rcnn();
Network masks_gan();
Network scgan();
Network segnet();
Network siggraph17();

}  // namespace cuhue
