#pragma once
#include "kernels/core/hd.h"
